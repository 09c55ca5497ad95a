/*
 * pool.c
 *		Statements for the database, run by whichever connection is free.
 *
 * Jobs that wait are in one list, oldest first; one that was sent belongs to its
 * connection.
 */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "database_link.h"
#include "log.h"
#include "memory.h"

/* A statement with bytes of its own. */
struct pool_text
{
	char *before;
	char *after;
	char *values[POOL_VALUES_MAX];
	int	  value_count;
};

struct pool_job
{
	struct pool_job *next;							  /* the one asked after it */
	struct pool		*pool;							  /* to which it was put */
	pool_callback	 callback;						  /* NULL: nobody waits for it any more */
	void			*owner;							  /* first argument of the callback */
	struct pool_text statements[POOL_STATEMENTS_MAX]; /* in this order */
	size_t			 count;							  /* of them */
	uint64_t		 deadline;						  /* loop time at which we stop waiting */
	PGresult		*result;						  /* the last one, or the first error */
};

struct pool_connection
{
	struct database_link link; /* to the server */
	struct pool			*pool; /* whose */
	struct pool_job		*job;  /* under way; NULL: it is free, if it is ready */
};

struct pool
{
	uv_loop_t			   *uv;			 /* where it runs */
	struct pool_settings	settings;	 /* what it is for */
	struct pool_job		   *first;		 /* oldest job that waits */
	struct pool_job		  **last;		 /* where the next one goes */
	size_t					waiting;	 /* how many do */
	uv_timer_t				wake;		 /* there are jobs that were just asked for */
	bool					stopped;	 /* for good */
	struct pool_connection *connections; /* as many as the settings say */
};

static void
free_job(struct pool_job *job)
{
	for (size_t i = 0; i < job->count; i++)
	{
		struct pool_text *text = &job->statements[i];

		free(text->before);
		free(text->after);
		for (int value = 0; value < text->value_count; value++)
			free(text->values[value]);
	}
	PQclear(job->result);
	free(job);
}

/* The job is over: out of all lists by now. */
static void
tell(struct pool_job *job, enum pool_verdict verdict)
{
	if (job->callback != NULL)
		job->callback(job->owner, verdict, verdict == POOL_ANSWERED ? job->result : NULL);
	free_job(job);
}

static bool
send_statement(struct database_link *link, const struct pool_text *text)
{
	struct buffer sql = {0};
	bool		  good;

	buffer_append_text(&sql, text->before);
	if (text->after != NULL)
	{
		buffer_append_text(&sql, link->schema);
		buffer_append_text(&sql, text->after);
	}
	buffer_append_byte(&sql, '\0');
	good = PQsendQueryParams(link->pg, sql.data, text->value_count, NULL,
							 (const char *const *) text->values, NULL, NULL, 0) == 1;
	buffer_free(&sql);
	return good;
}

static void
send_job(struct pool_connection *connection, struct pool_job *job)
{
	struct database_link *link = &connection->link;
	bool				  good = true;

	connection->job = job;
	job->deadline = uv_now(connection->pool->uv) + connection->pool->settings.run_ms;
	for (size_t i = 0; good && i < job->count; i++)
		good = send_statement(link, &job->statements[i]);
	if (good && PQpipelineSync(link->pg) == 1)
		database_link_flush(link);
	else
		database_link_lose(link, PQerrorMessage(link->pg));
}

/* Take the job at "place" out of those that wait. */
static struct pool_job *
take_job(struct pool *pool, struct pool_job **place)
{
	struct pool_job *job = *place;

	*place = job->next;
	job->next = NULL;
	if (*place == NULL)
		pool->last = place;
	pool->waiting--;
	return job;
}

static bool
is_free(const struct pool_connection *connection)
{
	return connection->link.state == LINK_READY && connection->job == NULL;
}

/* Give the connection something to do, if there is anything. */
static void
put_to_work(struct pool_connection *connection)
{
	struct pool *pool = connection->pool;

	if (!pool->stopped && is_free(connection) && pool->first != NULL)
		send_job(connection, take_job(pool, &pool->first));
}

/* Not while somebody asks: he must not be told before he has his job. */
static void
on_wake(uv_timer_t *timer)
{
	struct pool *pool = timer->data;

	for (unsigned i = 0; i < pool->settings.connections; i++)
		put_to_work(&pool->connections[i]);
}

/* The last result counts, unless there was an error before. */
static void
keep_result(struct pool_job *job, PGresult *result)
{
	const ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_PIPELINE_ABORTED ||
		(job->result != NULL && PQresultStatus(job->result) != PGRES_TUPLES_OK))
	{
		PQclear(result);
		return;
	}
	PQclear(job->result);
	job->result = result;
}

static void
take_result(struct pool_connection *connection, PGresult *result)
{
	struct pool_job *job = connection->job;

	if (job == NULL)
		PQclear(result);
	else if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
		keep_result(job, result);
	else
	{
		PQclear(result);
		connection->job = NULL;
		tell(job, job->result != NULL ? POOL_ANSWERED : POOL_LOST);
	}
}

/*
 * A NULL ends the results of one statement; two in a row mean that there is
 * nothing more to come.  Whoever is told an answer may stop the pool.
 */
static void
on_readable(void *owner)
{
	struct pool_connection *connection = owner;
	int						nulls = 0;

	while (connection->link.pg != NULL && nulls < 2 && !PQisBusy(connection->link.pg))
	{
		PGresult *result = PQgetResult(connection->link.pg);

		if (result == NULL)
			nulls++;
		else
		{
			nulls = 0;
			take_result(connection, result);
		}
	}
	put_to_work(connection);
}

static void
on_ready(void *owner)
{
	struct pool_connection	   *connection = owner;
	const struct pool_settings *settings = &connection->pool->settings;

	if (PQenterPipelineMode(connection->link.pg) != 1)
	{
		database_link_lose(&connection->link, PQerrorMessage(connection->link.pg));
		return;
	}
	if (settings->ready != NULL)
		settings->ready(settings->owner);
	put_to_work(connection);
}

static void
on_lost(void *owner)
{
	struct pool_connection *connection = owner;
	struct pool_job		   *job = connection->job;

	connection->job = NULL;
	if (job != NULL)
		tell(job, POOL_LOST);
}

static const struct link_events events = {
	.ready = on_ready,
	.readable = on_readable,
	.lost = on_lost,
};

struct pool *
pool_new(const struct link_setup *setup, const struct pool_settings *settings)
{
	struct pool *pool = memory_new(sizeof(*pool));

	pool->uv = setup->uv;
	pool->settings = *settings;
	pool->last = &pool->first;
	uv_timer_init(setup->uv, &pool->wake);
	pool->wake.data = pool;
	pool->connections = memory_new(settings->connections * sizeof(*pool->connections));
	for (unsigned i = 0; i < settings->connections; i++)
	{
		struct pool_connection *connection = &pool->connections[i];

		connection->pool = pool;
		connection->link = (struct database_link){
			.setup = setup,
			.name = settings->name,
			.program = settings->program,
			.events = &events,
			.owner = connection,
		};
		database_link_start(&connection->link);
	}
	return pool;
}

void
pool_stop(struct pool *pool)
{
	pool->stopped = true;
	uv_close((uv_handle_t *) &pool->wake, NULL);
	for (unsigned i = 0; i < pool->settings.connections; i++)
	{
		struct pool_connection *connection = &pool->connections[i];

		database_link_stop(&connection->link);
		if (connection->job != NULL)
			free_job(connection->job);
		connection->job = NULL;
	}
	while (pool->first != NULL)
		free_job(take_job(pool, &pool->first));
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	free(pool->connections);
	free(pool);
}

static void
copy_statement(struct pool_text *text, const struct pool_statement *statement)
{
	text->before = memory_copy(statement->before, strlen(statement->before));
	if (statement->after != NULL)
		text->after = memory_copy(statement->after, strlen(statement->after));
	text->value_count = statement->value_count;
	for (int i = 0; i < statement->value_count; i++)
		text->values[i] = memory_copy(statement->values[i], strlen(statement->values[i]));
}

/* Those that will take a job in this turn of the loop. */
static size_t
count_free(const struct pool *pool)
{
	size_t count = 0;

	for (unsigned i = 0; i < pool->settings.connections; i++)
		count += is_free(&pool->connections[i]) ? 1 : 0;
	return count;
}

struct pool_job *
pool_ask(struct pool *pool, const struct pool_statement *statements, size_t count,
		 pool_callback callback, void *owner)
{
	struct pool_job *job;

	if (pool->stopped || pool->waiting >= pool->settings.waiting_most + count_free(pool))
		return NULL;
	job = memory_new(sizeof(*job));
	job->pool = pool;
	job->callback = callback;
	job->owner = owner;
	job->count = count;
	for (size_t i = 0; i < count; i++)
		copy_statement(&job->statements[i], &statements[i]);
	job->deadline = uv_now(pool->uv) + pool->settings.wait_ms;
	*pool->last = job;
	pool->last = &job->next;
	pool->waiting++;
	uv_timer_start(&pool->wake, on_wake, 0, 0);
	return job;
}

void
pool_cancel(struct pool_job *job)
{
	struct pool		 *pool = job->pool;
	struct pool_job **place = &pool->first;

	job->callback = NULL;
	while (*place != NULL && *place != job)
		place = &(*place)->next;
	if (*place == job)
		free_job(take_job(pool, place));
}

size_t
pool_waiting(const struct pool *pool)
{
	return pool->waiting;
}

static bool
is_away(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->settings.connections; i++)
	{
		if (pool->connections[i].link.state == LINK_READY)
			return false;
	}
	return true;
}

/*
 * Those that wait are in the order of their deadlines.  A connection whose answer
 * is overdue is no good: the server is stuck, or is not there any more.
 */
void
pool_tick(struct pool *pool)
{
	const uint64_t now = uv_now(pool->uv);

	for (unsigned i = 0; i < pool->settings.connections; i++)
	{
		struct pool_connection *connection = &pool->connections[i];

		if (connection->job != NULL && connection->job->deadline <= now)
			database_link_lose(&connection->link, "no answer in time");
	}
	while (pool->first != NULL && pool->first->deadline <= now)
		tell(take_job(pool, &pool->first), is_away(pool) ? POOL_AWAY : POOL_BUSY);
}
