/*
 * database.c
 *		Questions to the database: asked in a row, answered in the same order.
 *
 * Requests are in one list, oldest first: those that were sent, then those that
 * wait to be.  Each is a few statements and a Sync, so one transaction.
 */
#include "database.h"

#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "database_link.h"
#include "log.h"
#include "memory.h"
#include "private.h"

#define OBJECTION_MAX_BYTES 400
#define NUMBER_MAX_BYTES	24

/* What a request says, in the order of parameters. */
enum value
{
	VALUE_CLAIMS,  /* of whom, as JSON */
	VALUE_SUBJECT, /* about what: a session's id, or a topic */
	VALUE_SINCE,   /* what of the past: from when on */
	VALUE_LIMIT,   /* and how much */
	VALUES
};

enum statement
{
	STATEMENT_CLAIMS,	 /* who asks; until the transaction's end */
	STATEMENT_AUTHORIZE, /* may he? */
	STATEMENT_SNAPSHOT,	 /* and what is the state? */
	STATEMENT_CALLER,	 /* who asks about policies */
	STATEMENT_TRY,		 /* what may he? */
	STATEMENT_RIGHTS,	 /* that is the answer */
	STATEMENT_REPLAY,	 /* and what was sent before? */
	STATEMENTS
};

struct statement_text
{
	const char *name;	/* prepared once a connection under this; NULL: it is not */
	const char *before; /* text before the name of the extension's schema */
	const char *after;	/* and after it; NULL: the name is not needed */
	enum value	first;	/* value of its first parameter */
	int			count;	/* parameters */
};

/*
 * Questions about policies are not prepared: the links that only ask about sessions
 * have no use for it, and realtime.messages may not be there.
 */
static const struct statement_text statements[STATEMENTS] = {
	[STATEMENT_CLAIMS] = {"harthio_claims",
						  "SELECT pg_catalog.set_config('request.jwt.claims', $1, true)",
						  NULL, VALUE_CLAIMS, 1},
	[STATEMENT_AUTHORIZE] = {"harthio_authorize", "SELECT ",
							 ".harthio_authorize($1::text)", VALUE_SUBJECT, 1},
	[STATEMENT_SNAPSHOT] = {"harthio_snapshot", "SELECT state FROM ",
							".harthio_snapshot(ARRAY[$1::text])", VALUE_SUBJECT, 1},
	[STATEMENT_CALLER] = {NULL, private_caller, NULL, VALUE_CLAIMS, 2},
	[STATEMENT_TRY] = {NULL, private_try, NULL, VALUE_CLAIMS, 0},
	[STATEMENT_RIGHTS] = {NULL, private_rights, NULL, VALUE_CLAIMS, 0},
	[STATEMENT_REPLAY] = {NULL, private_replay, NULL, VALUE_SUBJECT, 3},
};

/* The statements of each question; STATEMENTS ends them. */
static const enum statement session_question[] = {
	STATEMENT_CLAIMS, STATEMENT_AUTHORIZE, STATEMENT_SNAPSHOT, STATEMENTS};
static const enum statement policy_question[] = {
	STATEMENT_CALLER, STATEMENT_TRY, STATEMENT_RIGHTS, STATEMENTS};
static const enum statement replay_question[] = {
	STATEMENT_CALLER, STATEMENT_TRY, STATEMENT_RIGHTS, STATEMENT_REPLAY, STATEMENTS};

struct database_request
{
	struct database_request *next;							 /* the one asked after it */
	struct database			*database;						 /* whom it was put to */
	database_callback		 callback;						 /* NULL: nobody waits for it any more */
	void					*owner;							 /* first argument of the callback */
	char					*values[VALUES];				 /* what it says */
	const enum statement	*next_statement;				 /* next one to be answered */
	const enum statement	*question;						 /* the first one */
	uint64_t				 deadline;						 /* loop time at which we stop trying */
	bool					 sent;							 /* and not answered yet */
	enum database_verdict	 verdict;						 /* so far */
	char					 objection[OBJECTION_MAX_BYTES]; /* what the database objected */
	struct database_rights	 rights;						 /* by policies */
	PGresult				*rows;							 /* the state, or the replay */
};

struct database
{
	struct database_link	  link;		/* the connection */
	struct database_request	 *first;	/* oldest request */
	struct database_request **last;		/* where the next one goes */
	bool					  started;	/* and was asked for */
	bool					  prepared; /* statements are there */
};

static void
free_request(struct database_request *request)
{
	PQclear(request->rows);
	for (int value = 0; value < VALUES; value++)
		free(request->values[value]);
	free(request);
}

/* Forget what a request learned on a connection that is gone. */
static void
reset_request(struct database_request *request)
{
	request->sent = false;
	request->next_statement = request->question;
	request->verdict = DATABASE_UNAVAILABLE;
	PQclear(request->rows);
	request->rows = NULL;
}

/* Results of what is not prepared are binary: they hold bytes. */
static bool
send_statement(struct database *database, const struct statement_text *statement,
			   const struct database_request *request)
{
	const char *const *values = (const char *const *) &request->values[statement->first];

	if (statement->name != NULL)
		return PQsendQueryPrepared(database->link.pg, statement->name, statement->count,
								   values, NULL, NULL, 0) == 1;
	return PQsendQueryParams(database->link.pg, statement->before, statement->count,
							 NULL, values, NULL, NULL, 1) == 1;
}

static bool
send_request(struct database *database, struct database_request *request)
{
	bool good = true;

	for (const enum statement *one = request->question; good && *one != STATEMENTS; one++)
		good = send_statement(database, &statements[*one], request);
	request->sent = good && PQpipelineSync(database->link.pg) == 1;
	return request->sent;
}

static void
tell(struct database_request *request)
{
	struct database_answer answer = {
		.verdict = request->verdict,
		.rights = request->rights,
	};
	database_callback callback = request->callback;

	request->callback = NULL;
	if (callback == NULL)
		return;
	if (request->verdict == DATABASE_OBJECTED)
		answer.message = request->objection;
	if (request->question != session_question)
		answer.replay = request->rows;
	else if (request->verdict == DATABASE_ALLOWED && request->rows != NULL &&
			 PQntuples(request->rows) == 1)
		answer.state = slice_of(PQgetvalue(request->rows, 0, 0),
								(size_t) PQgetlength(request->rows, 0, 0));
	callback(request->owner, &answer);
}

/* Take the request at "place" out of the list, and free it. */
static void
remove_request(struct database *database, struct database_request **place)
{
	struct database_request *request = *place;

	*place = request->next;
	if (*place == NULL)
		database->last = place;
	free_request(request);
}

/*
 * Errors of class 22 (data) and 42 (rights) are about the one who asks, except
 * those that say that the extension is not as we knew it.  All others are
 * trouble of our own, and not for a client to read.
 */
static bool
is_about_asker(const char *code)
{
	if (code == NULL || strcmp(code, "42883") == 0 || strcmp(code, "42P01") == 0)
		return false;
	return strncmp(code, "22", 2) == 0 || strncmp(code, "42", 2) == 0;
}

/* A policy may raise what it likes; what it says is for the log alone. */
static bool
is_of_policy(const char *code)
{
	return code != NULL && (strncmp(code, "22", 2) == 0 || strncmp(code, "42", 2) == 0 ||
							strncmp(code, "P0", 2) == 0);
}

static void
take_error(struct database_request *request, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (message == NULL)
		message = PQresultErrorMessage(result);
	log_client(LOG_LEVEL_WARNING, "database", "link=%s event=error code=%s message=%s",
			   request->database->link.name, code != NULL ? code : "none", log_text(message));
	/* Whether there is a replay does not change the rights. */
	if (*request->next_statement == STATEMENT_REPLAY)
		return;
	request->verdict = DATABASE_UNAVAILABLE;
	if (request->question != session_question)
	{
		if (is_of_policy(code))
			request->verdict = DATABASE_DENIED;
	}
	else if (is_about_asker(code))
	{
		request->verdict = DATABASE_OBJECTED;
		snprintf(request->objection, sizeof(request->objection), "%s", message);
	}
}

/* One result of the request under way; we own it. */
static void
take_result(struct database_request *request, PGresult *result)
{
	ExecStatusType		 status = PQresultStatus(result);
	const enum statement statement = *request->next_statement;

	if (status == PGRES_TUPLES_OK && statement == STATEMENT_AUTHORIZE)
		request->verdict = strcmp(PQgetvalue(result, 0, 0), "t") == 0
							   ? DATABASE_ALLOWED
							   : DATABASE_DENIED;
	else if (status == PGRES_TUPLES_OK && statement == STATEMENT_RIGHTS)
	{
		request->verdict = DATABASE_ALLOWED;
		request->rights = private_read_rights(PQgetvalue(result, 0, 0));
	}
	else if (status == PGRES_TUPLES_OK &&
			 (statement == STATEMENT_SNAPSHOT || statement == STATEMENT_REPLAY))
	{
		request->rows = result;
		result = NULL;
	}
	else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
			 status != PGRES_PIPELINE_ABORTED)
		take_error(request, result);
	request->next_statement++;
	PQclear(result);
}

/* Send what waits.  Nobody waits for some any more; those go. */
static void
send_waiting(struct database *database)
{
	struct database_request **place = &database->first;

	while (*place != NULL)
	{
		struct database_request *request = *place;

		if (!request->sent && request->callback == NULL)
		{
			remove_request(database, place);
			continue;
		}
		if (!request->sent && !send_request(database, request))
		{
			database_link_lose(&database->link, PQerrorMessage(database->link.pg));
			return;
		}
		place = &request->next;
	}
	database_link_flush(&database->link);
}

/* A result of preparing the statements; false if the link is lost. */
static bool
take_prepared(struct database *database, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	bool		   good = status == PGRES_COMMAND_OK || status == PGRES_PIPELINE_SYNC;

	if (!good)
		database_link_lose(&database->link, PQresultErrorMessage(result));
	PQclear(result);
	if (status == PGRES_PIPELINE_SYNC)
	{
		database->prepared = true;
		send_waiting(database);
	}
	return good && database->link.state == LINK_READY;
}

static void
take_answer(struct database *database, PGresult *result)
{
	struct database_request *request = database->first;

	if (request == NULL || !request->sent)
		PQclear(result);
	else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
	{
		PQclear(result);
		tell(request);
		remove_request(database, &database->first);
	}
	else
		take_result(request, result);
}

/*
 * A NULL ends the results of one statement; two in a row mean that there is
 * nothing more to come.
 */
static void
on_readable(void *owner)
{
	struct database *database = owner;
	PGconn			*pg = database->link.pg;
	int				 nulls = 0;

	while (nulls < 2 && !PQisBusy(pg))
	{
		PGresult *result = PQgetResult(pg);

		if (result == NULL)
		{
			nulls++;
			continue;
		}
		nulls = 0;
		if (database->prepared)
			take_answer(database, result);
		else if (!take_prepared(database, result))
			return;
	}
}

static bool
prepare(struct database *database, const struct statement_text *statement)
{
	struct buffer sql = {0};
	bool		  good;

	if (statement->name == NULL)
		return true;
	buffer_append_text(&sql, statement->before);
	if (statement->after != NULL)
	{
		buffer_append_text(&sql, database->link.schema);
		buffer_append_text(&sql, statement->after);
	}
	buffer_append_byte(&sql, '\0');
	good = PQsendPrepare(database->link.pg, statement->name, sql.data, 0, NULL) == 1;
	buffer_free(&sql);
	return good;
}

static void
on_ready(void *owner)
{
	struct database *database = owner;
	PGconn			*pg = database->link.pg;
	bool			 good = PQenterPipelineMode(pg) == 1;

	database->prepared = false;
	for (int statement = 0; good && statement < STATEMENTS; statement++)
		good = prepare(database, &statements[statement]);
	if (good && PQpipelineSync(pg) == 1)
		database_link_flush(&database->link);
	else
		database_link_lose(&database->link, PQerrorMessage(pg));
}

static void
on_lost(void *owner)
{
	struct database *database = owner;

	database->prepared = false;
	for (struct database_request *request = database->first; request != NULL;
		 request = request->next)
		reset_request(request);
}

static const struct link_events events = {
	.ready = on_ready,
	.readable = on_readable,
	.lost = on_lost,
};

struct database *
database_new(const struct link_setup *setup, const char *name)
{
	struct database *database = memory_new(sizeof(*database));

	database->last = &database->first;
	database->link = (struct database_link){
		.setup = setup,
		.name = name,
		.events = &events,
		.owner = database,
	};
	return database;
}

bool
database_ready(const struct database *database)
{
	return database->prepared;
}

void
database_start(struct database *database)
{
	if (!database->started)
		database_link_start(&database->link);
	database->started = true;
}

void
database_stop(struct database *database)
{
	if (database->started)
		database_link_stop(&database->link);
	database->started = true;
	while (database->first != NULL)
		remove_request(database, &database->first);
}

void
database_free(struct database *database)
{
	free(database);
}

static struct database_request *
new_request(struct database *database, const enum statement *question,
			const char *subject, const char *claims)
{
	struct database_request *request = memory_new(sizeof(*request));

	request->database = database;
	request->question = question;
	request->next_statement = question;
	request->values[VALUE_SUBJECT] = memory_copy(subject, strlen(subject));
	request->values[VALUE_CLAIMS] = memory_copy(claims, strlen(claims));
	request->deadline = uv_now(database->link.setup->uv) + database->link.setup->answer_ms;
	request->verdict = DATABASE_UNAVAILABLE;
	return request;
}

static struct database_request *
ask(struct database *database, struct database_request *request,
	database_callback callback, void *owner)
{
	request->callback = callback;
	request->owner = owner;
	*database->last = request;
	database->last = &request->next;
	database_start(database);
	if (database->prepared)
		send_waiting(database);
	return request;
}

struct database_request *
database_authorize(struct database *database, const char *session_id,
				   const char *claims, database_callback callback, void *owner)
{
	return ask(database, new_request(database, session_question, session_id, claims),
			   callback, owner);
}

static char *
number_text(long long number)
{
	char *text = memory_new(NUMBER_MAX_BYTES);

	snprintf(text, NUMBER_MAX_BYTES, "%lld", number);
	return text;
}

struct database_request *
database_ask_policies(struct database *database, const char *topic, const char *claims,
					  struct database_replay replay, database_callback callback,
					  void *owner)
{
	struct database_request *request;

	request = new_request(database, replay.limit > 0 ? replay_question : policy_question,
						  topic, claims);
	request->values[VALUE_SINCE] = number_text(replay.since);
	request->values[VALUE_LIMIT] = number_text(replay.limit);
	return ask(database, request, callback, owner);
}

void
database_cancel(struct database_request *request)
{
	request->callback = NULL;
}

/*
 * What is overdue is given up.  If it was sent, the connection is no good: the
 * server is stuck, or is not there any more.
 */
void
database_tick(struct database *database)
{
	const uint64_t			  now = uv_now(database->link.setup->uv);
	struct database_request **place = &database->first;
	bool					  stuck = false;

	while (*place != NULL && (*place)->deadline <= now)
	{
		struct database_request *request = *place;

		request->verdict = DATABASE_UNAVAILABLE;
		tell(request);
		stuck = stuck || request->sent;
		if (request->sent)
			place = &request->next;
		else
			remove_request(database, place);
	}
	if (stuck && database->link.state == LINK_READY)
		database_link_lose(&database->link, "no answer in time");
}
