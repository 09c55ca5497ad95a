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

#define REQUEST_TIME_MS		5000
#define OBJECTION_MAX_BYTES 400

/* The statements of a request, prepared once a connection. */
enum statement
{
	STATEMENT_CLAIMS,	 /* who asks; until the transaction's end */
	STATEMENT_AUTHORIZE, /* may he? */
	STATEMENT_SNAPSHOT,	 /* and what is the state? */
	STATEMENTS
};

static const char *const statement_names[STATEMENTS] = {
	[STATEMENT_CLAIMS] = "harthio_claims",
	[STATEMENT_AUTHORIZE] = "harthio_authorize",
	[STATEMENT_SNAPSHOT] = "harthio_snapshot",
};

/* Text before and after the schema's name; none: the name is not needed. */
static const char *const statement_texts[STATEMENTS][2] = {
	[STATEMENT_CLAIMS] = {
		"SELECT pg_catalog.set_config('request.jwt.claims', $1, true)", NULL},
	[STATEMENT_AUTHORIZE] = {"SELECT ", ".harthio_authorize($1::text)"},
	[STATEMENT_SNAPSHOT] = {"SELECT state FROM ", ".harthio_snapshot(ARRAY[$1::text])"},
};

struct database_request
{
	struct database_request *next;							 /* the one asked after it */
	struct database			*database;						 /* whom it was put to */
	database_callback		 callback;						 /* NULL: nobody waits for it any more */
	void					*owner;							 /* first argument of the callback */
	char					*session_id;					 /* about which session */
	char					*claims;						 /* of whom, as JSON */
	uint64_t				 deadline;						 /* loop time at which we stop trying */
	bool					 sent;							 /* and not answered yet */
	int						 statement;						 /* next one to be answered */
	enum database_verdict	 verdict;						 /* so far */
	char					 objection[OBJECTION_MAX_BYTES]; /* what the database objected */
	PGresult				*snapshot;						 /* the state, if there is one */
};

struct database
{
	struct database_link	  link;		/* the connection */
	struct database_request	 *first;	/* oldest request */
	struct database_request **last;		/* where the next one goes */
	bool					  prepared; /* statements are there */
};

static void
free_request(struct database_request *request)
{
	PQclear(request->snapshot);
	free(request->session_id);
	free(request->claims);
	free(request);
}

/* Forget what a request learned on a connection that is gone. */
static void
reset_request(struct database_request *request)
{
	request->sent = false;
	request->statement = 0;
	request->verdict = DATABASE_UNAVAILABLE;
	PQclear(request->snapshot);
	request->snapshot = NULL;
}

static bool
send_statement(struct database *database, enum statement statement, const char *value)
{
	return PQsendQueryPrepared(database->link.pg, statement_names[statement], 1,
							   &value, NULL, NULL, 0) == 1;
}

static bool
send_request(struct database *database, struct database_request *request)
{
	request->sent =
		send_statement(database, STATEMENT_CLAIMS, request->claims) &&
		send_statement(database, STATEMENT_AUTHORIZE, request->session_id) &&
		send_statement(database, STATEMENT_SNAPSHOT, request->session_id) &&
		PQpipelineSync(database->link.pg) == 1;
	return request->sent;
}

static void
tell(struct database_request *request)
{
	struct database_answer answer = {.verdict = request->verdict};
	database_callback	   callback = request->callback;

	request->callback = NULL;
	if (callback == NULL)
		return;
	if (request->verdict == DATABASE_OBJECTED)
		answer.message = request->objection;
	if (request->verdict == DATABASE_ALLOWED && request->snapshot != NULL &&
		PQntuples(request->snapshot) == 1)
		answer.state = slice_of(PQgetvalue(request->snapshot, 0, 0),
								(size_t) PQgetlength(request->snapshot, 0, 0));
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

static void
take_error(struct database_request *request, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (message == NULL)
		message = PQresultErrorMessage(result);
	log_client(LOG_LEVEL_WARNING, "database", "link=query event=error code=%s message=%s",
			   code != NULL ? code : "none", log_text(message));
	request->verdict = DATABASE_UNAVAILABLE;
	if (is_about_asker(code))
	{
		request->verdict = DATABASE_OBJECTED;
		snprintf(request->objection, sizeof(request->objection), "%s", message);
	}
}

/* One result of the request under way; we own it. */
static void
take_result(struct database_request *request, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK && request->statement == STATEMENT_AUTHORIZE)
		request->verdict = strcmp(PQgetvalue(result, 0, 0), "t") == 0
							   ? DATABASE_ALLOWED
							   : DATABASE_DENIED;
	else if (status == PGRES_TUPLES_OK && request->statement == STATEMENT_SNAPSHOT)
	{
		request->snapshot = result;
		result = NULL;
	}
	else if (status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_ABORTED)
		take_error(request, result);
	request->statement++;
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
prepare(struct database *database, enum statement statement)
{
	const char *const *text = statement_texts[statement];
	struct buffer	   sql = {0};
	bool			   good;

	buffer_append_text(&sql, text[0]);
	if (text[1] != NULL)
	{
		buffer_append_text(&sql, database->link.schema);
		buffer_append_text(&sql, text[1]);
	}
	buffer_append_byte(&sql, '\0');
	good = PQsendPrepare(database->link.pg, statement_names[statement], sql.data,
						 0, NULL) == 1;
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
		good = prepare(database, (enum statement) statement);
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
database_new(const struct link_setup *setup)
{
	struct database *database = memory_new(sizeof(*database));

	database->last = &database->first;
	database->link = (struct database_link){
		.setup = setup,
		.name = "query",
		.events = &events,
		.owner = database,
	};
	database_link_start(&database->link);
	return database;
}

bool
database_ready(const struct database *database)
{
	return database->prepared;
}

void
database_stop(struct database *database)
{
	database_link_stop(&database->link);
	while (database->first != NULL)
		remove_request(database, &database->first);
}

void
database_free(struct database *database)
{
	free(database);
}

struct database_request *
database_authorize(struct database *database, const char *session_id,
				   const char *claims, database_callback callback, void *owner)
{
	struct database_request *request = memory_new(sizeof(*request));

	request->callback = callback;
	request->owner = owner;
	request->session_id = memory_copy(session_id, strlen(session_id));
	request->claims = memory_copy(claims, strlen(claims));
	request->deadline = uv_now(database->link.setup->uv) + REQUEST_TIME_MS;
	request->verdict = DATABASE_UNAVAILABLE;
	*database->last = request;
	database->last = &request->next;
	if (database->prepared)
		send_waiting(database);
	return request;
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
