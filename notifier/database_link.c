/*
 * database_link.c
 *		One connection to PostgreSQL in the event loop, kept up for ever.
 */
#include "database_link.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "exit_codes.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"

#define BACKOFF_FIRST_MS	100
#define BACKOFF_LAST_MS		5000
#define ATTEMPT_PATIENCE_MS 10000

#define PROGRAM "harthio-notifier"

/* Nothing that a query of ours names may be found anywhere else. */
#define SESSION_OPTIONS "-c search_path=pg_catalog"

static const char find_schema[] =
	"SELECT n.nspname FROM pg_catalog.pg_extension e"
	" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace"
	" WHERE e.extname OPERATOR(pg_catalog.=) 'harthio'";

static const char compare_version[] = "SELECT harthio.protocol_version()";

static void watch(struct database_link *link, int events);
static void on_socket(uv_poll_t *poll, int status, int events);
static void on_retry(uv_timer_t *timer);
static void on_patience(uv_timer_t *timer);

static void
set_state(struct database_link *link, enum link_state state)
{
	link->state = state;
}

static void
free_poll(uv_handle_t *handle)
{
	free(handle);
}

static void
unwatch(struct database_link *link)
{
	if (link->poll == NULL)
		return;
	uv_poll_stop(link->poll);
	uv_close((uv_handle_t *) link->poll, free_poll);
	link->poll = NULL;
}

static void
disconnect(struct database_link *link)
{
	/* The socket must leave the loop before libpq closes it. */
	unwatch(link);
	PQfinish(link->pg);
	link->pg = NULL;
	PQfreemem(link->schema);
	link->schema = NULL;
	uv_timer_stop(&link->patience);
}

/* Up to a quarter more, so that many notifiers do not come back as one. */
static unsigned
with_jitter(unsigned milliseconds)
{
	unsigned random = 0;

	uv_random(NULL, NULL, &random, sizeof(random), 0, NULL);
	return milliseconds + random % (milliseconds / 4 + 1);
}

/* libpq ends its messages with a line end, and some have several lines. */
static struct slice
first_line(const char *message)
{
	return slice_of(message, strcspn(message, "\n"));
}

void
database_link_lose(struct database_link *link, const char *reason)
{
	const bool	   was_ready = link->state == LINK_READY;
	const unsigned wait = with_jitter(link->backoff_ms);

	metrics_add(link->setup->metrics, METRIC_DATABASE_FAILURES, 1);
	log_warning("database", "link=%s event=%s reason=%s retry_ms=%u",
				link->name, was_ready ? "lost" : "unavailable",
				log_slice(first_line(reason)), wait);
	disconnect(link);
	link->backoff_ms *= 2;
	if (link->backoff_ms > BACKOFF_LAST_MS)
		link->backoff_ms = BACKOFF_LAST_MS;
	set_state(link, LINK_WAITING);
	uv_timer_start(&link->retry, on_retry, wait, 0);
	if (was_ready)
		link->events->lost(link->owner);
}

/*
 * While connecting, libpq may change its socket at every step, even for another
 * one of the same number, so each step gets a new watcher.
 */
static void
watch(struct database_link *link, int events)
{
	unwatch(link);
	link->poll = memory_new(sizeof(*link->poll));
	if (uv_poll_init(link->setup->uv, link->poll, PQsocket(link->pg)) != 0)
	{
		free(link->poll);
		link->poll = NULL;
		database_link_lose(link, "cannot watch the socket");
		return;
	}
	link->poll->data = link;
	uv_poll_start(link->poll, events, on_socket);
}

void
database_link_flush(struct database_link *link)
{
	int left = PQflush(link->pg);

	/*
	 * A failed write is met again as a failed read, after what the server said
	 * before it went away.
	 */
	uv_poll_start(link->poll, left == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE,
				  on_socket);
}

/*
 * A superuser passes every check in the database, and a fault of ours would have
 * all its rights.
 */
static bool
refuse_superuser(struct database_link *link)
{
	const char *superuser = PQparameterStatus(link->pg, "is_superuser");

	if (link->setup->allow_superuser || superuser == NULL || strcmp(superuser, "on") != 0)
		return false;
	log_error("database", "link=%s event=superuser role=%s hint=%s", link->name,
			  log_text(PQuser(link->pg)),
			  log_text("Log in as harthio_notifier, or give --allow-superuser on."));
	link->setup->hopeless(link->setup->arg, EXIT_CODE_SUPERUSER, "database role is a superuser");
	return true;
}

static void
ask_schema(struct database_link *link)
{
	watch(link, UV_READABLE);
	if (link->poll == NULL || refuse_superuser(link))
		return;
	PQsetnonblocking(link->pg, 1);
	set_state(link, LINK_FINDING_SCHEMA);
	PQsendQuery(link->pg, find_schema);
	database_link_flush(link);
}

static void
connect_step(struct database_link *link, PostgresPollingStatusType status)
{
	switch (status)
	{
		case PGRES_POLLING_READING:
			watch(link, UV_READABLE);
			break;
		case PGRES_POLLING_WRITING:
			watch(link, UV_WRITABLE);
			break;
		case PGRES_POLLING_OK:
			ask_schema(link);
			break;
		default:
			database_link_lose(link, PQerrorMessage(link->pg));
			break;
	}
}

/* Notices of the server are for its own log. */
static void
ignore_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

/* What the user gave in "options" comes before ours; free it. */
static char *
session_options(const char *conninfo)
{
	PQconninfoOption *given = PQconninfoParse(conninfo, NULL);
	struct buffer	  options = {0};

	for (PQconninfoOption *one = given; one != NULL && one->keyword != NULL; one++)
	{
		if (strcmp(one->keyword, "options") == 0 && one->val != NULL)
		{
			buffer_append_text(&options, one->val);
			buffer_append_byte(&options, ' ');
		}
	}
	PQconninfoFree(given);
	buffer_append_text(&options, SESSION_OPTIONS);
	buffer_append_byte(&options, '\0');
	return options.data;
}

static void
attempt(struct database_link *link)
{
	char			 *options = session_options(link->setup->conninfo);
	const char *const keywords[] = {
		"dbname", "application_name", "client_encoding", "options",
		"keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", NULL};
	const char *const values[] = {
		link->setup->conninfo, link->program != NULL ? link->program : PROGRAM, "UTF8", options,
		"15", "5", "3",
		"20000", NULL};

	set_state(link, LINK_CONNECTING);
	uv_timer_start(&link->patience, on_patience, ATTEMPT_PATIENCE_MS, 0);
	/* Host names are resolved here, which blocks: give addresses or sockets. */
	link->pg = PQconnectStartParams(keywords, values, 1);
	free(options);
	if (link->pg == NULL)
		database_link_lose(link, "out of memory");
	else if (PQstatus(link->pg) == CONNECTION_BAD)
		database_link_lose(link, PQerrorMessage(link->pg));
	else
	{
		PQsetNoticeReceiver(link->pg, ignore_notice, NULL);
		connect_step(link, PGRES_POLLING_WRITING);
	}
}

static void
on_retry(uv_timer_t *timer)
{
	attempt(timer->data);
}

static void
on_patience(uv_timer_t *timer)
{
	database_link_lose(timer->data, "no answer in time");
}

static void
schema_found(struct database_link *link, const PGresult *result)
{
	const char *name;

	if (PQntuples(result) == 0)
	{
		log_error("database", "link=%s event=no_extension message=%s hint=%s",
				  link->name,
				  log_text("extension harthio is not created in this database"),
				  log_text("Run CREATE EXTENSION harthio there as a superuser."));
		database_link_lose(link, "extension harthio is missing");
		return;
	}
	name = PQgetvalue(result, 0, 0);
	link->schema = PQescapeIdentifier(link->pg, name, strlen(name));
	set_state(link, LINK_COMPARING_VERSION);
	PQsendQuery(link->pg, compare_version);
	database_link_flush(link);
}

static void
version_mismatch(struct database_link *link, const char *found)
{
	log_error("database", "link=%s event=version_mismatch needed=%d found=%s hint=%s",
			  link->name, DATABASE_PROTOCOL_VERSION, log_text(found),
			  log_text("Install the extension and the notifier of one release."));
	link->setup->hopeless(link->setup->arg, EXIT_CODE_VERSION, "extension of another version");
}

static void
version_compared(struct database_link *link, const PGresult *result)
{
	const char *found = PQgetvalue(result, 0, 0);

	if (strtol(found, NULL, 10) != DATABASE_PROTOCOL_VERSION)
	{
		version_mismatch(link, found);
		return;
	}
	uv_timer_stop(&link->patience);
	link->backoff_ms = BACKOFF_FIRST_MS;
	set_state(link, LINK_READY);
	metrics_add(link->setup->metrics, METRIC_DATABASE_CONNECTS, 1);
	log_info("database", "link=%s event=ready", link->name);
	link->events->ready(link->owner);
}

/* An extension without that function is older than any that we know. */
static bool
is_undefined_function(const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return code != NULL && strcmp(code, "42883") == 0;
}

static void
handshake_result(struct database_link *link, const PGresult *result)
{
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		if (link->state == LINK_FINDING_SCHEMA)
			schema_found(link, result);
		else
			version_compared(link, result);
	}
	else if (link->state == LINK_COMPARING_VERSION && is_undefined_function(result))
		version_mismatch(link, "none");
	else
		database_link_lose(link, PQresultErrorMessage(result));
}

/* Take one whole answer, with the NULL that ends it, and act on it. */
static void
handshake(struct database_link *link)
{
	PGresult *result;
	PGresult *last = NULL;

	while (!PQisBusy(link->pg))
	{
		result = PQgetResult(link->pg);
		if (result == NULL)
			break;
		PQclear(last);
		last = result;
	}
	if (last == NULL)
		return;
	handshake_result(link, last);
	PQclear(last);
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct database_link *link = poll->data;

	if (link->state == LINK_CONNECTING)
	{
		connect_step(link, PQconnectPoll(link->pg));
		return;
	}
	if (status < 0 || !PQconsumeInput(link->pg))
	{
		/* What the server said last may explain it: let the owner read it. */
		if (link->state == LINK_READY)
			link->events->readable(link->owner);
		if (link->pg != NULL)
			database_link_lose(link, PQerrorMessage(link->pg));
		return;
	}
	if (events & UV_WRITABLE)
		database_link_flush(link);
	if (link->state == LINK_READY)
		link->events->readable(link->owner);
	else
		handshake(link);
}

void
database_link_start(struct database_link *link)
{
	link->backoff_ms = BACKOFF_FIRST_MS;
	uv_timer_init(link->setup->uv, &link->retry);
	uv_timer_init(link->setup->uv, &link->patience);
	link->retry.data = link;
	link->patience.data = link;
	attempt(link);
}

void
database_link_stop(struct database_link *link)
{
	set_state(link, LINK_STOPPED);
	disconnect(link);
	uv_close((uv_handle_t *) &link->retry, NULL);
	uv_close((uv_handle_t *) &link->patience, NULL);
}
