/*
 * operator.c
 *		What the operator's page asks for, on the internal port.
 */
#include "operator.h"

#include <jansson.h>
#include <stdlib.h>

#include "caller.h"
#include "database_link.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "rpc_error.h"

#define PREFIX "/operator/"

/*
 * One for what is shown, which may take long, and one for what is done.  The times
 * together are less than the 20 s after which libwebsockets gives a request up.
 */
#define CONNECTIONS	   2
#define WAITING_MOST   32
#define WAIT_MS		   4000
#define RUN_MS		   12000
#define TIMEOUT		   "10000"
#define BODY_MAX_BYTES 1024
#define SEARCH_PATH	   "pg_catalog, pg_temp"

/*
 * What can be asked for.  A look must not take the processors that calls need,
 * so it is not made in parallel.
 */
static const struct operator_action
{
	const char		*name; /* the path's end */
	enum http_method method;
	const char		*before; /* SQL around the extension's schema; NULL: there is */
	const char		*after;	 /* no need to name it */
} actions[] = {
	{"state", HTTP_GET,
	 "SELECT harthio.operator_state()"
	 " WHERE pg_catalog.set_config('max_parallel_workers_per_gather', '0', true) IS NOT NULL",
	 NULL},
	{"drain", HTTP_POST, "SELECT ", ".harthio_drain_provider($1)"},
	{"enable", HTTP_POST, "SELECT ", ".harthio_enable_provider($1)"},
	{"evacuate", HTTP_POST, "SELECT ", ".harthio_evacuate_provider($1)"}};

struct operations
{
	const char	*role; /* that tokens must have */
	struct pool *pool; /* asks the database */
};

struct operator_request
{
	struct http_request			 *request;	/* what is to be answered */
	const struct operator_action *action;	/* what it asks for */
	struct pool_job				 *job;		/* under way; NULL: none is */
	struct caller				  caller;	/* who asks */
	char						 *provider; /* that it is about; NULL: none */
};

struct operations *
operator_new(const struct link_setup *setup, const struct options *options)
{
	struct operations		  *operations = memory_new(sizeof(*operations));
	const struct pool_settings settings = {
		.name = "operator",
		.program = "harthio-notifier operator",
		.connections = CONNECTIONS,
		.waiting_most = WAITING_MOST,
		.wait_ms = WAIT_MS,
		.run_ms = RUN_MS,
	};

	operations->role = options->operator_role;
	operations->pool = pool_new(setup, &settings);
	return operations;
}

void
operator_stop(struct operations *operations)
{
	pool_stop(operations->pool);
}

void
operator_free(struct operations *operations)
{
	if (operations == NULL)
		return;
	pool_free(operations->pool);
	free(operations);
}

void
operator_tick(struct operations *operations)
{
	pool_tick(operations->pool);
}

bool
operator_wants(const char *path)
{
	struct slice rest;

	return slice_after(slice_text(path), SLICE(PREFIX), &rest);
}

static void
forget(void *work)
{
	struct operator_request *asked = work;

	if (asked->job != NULL)
		pool_cancel(asked->job);
	caller_free(&asked->caller);
	free(asked->provider);
	free(asked);
}

/* Whoever looks later who did it finds it here. */
static void
log_action(const struct operator_request *asked)
{
	json_t *claims = json_loads(asked->caller.claims.json, 0, NULL);

	log_info("operator", "event=%s provider=%s by=%s", asked->action->name, log_text(asked->provider),
			 log_slice(slice_of(json_string_value(json_object_get(claims, "sub")),
								json_string_length(json_object_get(claims, "sub")))));
	json_decref(claims);
}

static void
on_answered(void *owner, enum pool_verdict verdict, const PGresult *result)
{
	struct operator_request *asked = owner;

	asked->job = NULL;
	if (verdict != POOL_ANSWERED)
		rpc_error_answer_verdict(asked->request, verdict);
	else if (PQresultStatus(result) != PGRES_TUPLES_OK)
		caller_answer_error(&asked->caller, asked->request, result);
	else
	{
		const struct slice json = slice_of(PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0));

		if (asked->provider != NULL)
			log_action(asked);
		http_answer(asked->request, json.length > 0 ? 200 : 204, json);
	}
}

static void
ask(struct operator_request *asked)
{
	struct pool_statement statements[] = {
		caller_settings(&asked->caller, asked->request, SEARCH_PATH, TIMEOUT,
						asked->action->method == HTTP_GET),
		{.before = asked->action->before,
		 .after = asked->action->after,
		 .values = {asked->provider},
		 .value_count = asked->provider != NULL ? 1 : 0}};

	asked->job = pool_ask(asked->request->loop->operations->pool, statements, 2, on_answered, asked);
	if (asked->job == NULL)
		rpc_error_answer_verdict(asked->request, POOL_FULL);
}

/* False: it was answered with what is wrong. */
static bool
read_caller(struct operator_request *asked)
{
	const struct operations *operations = asked->request->loop->operations;

	if (!caller_read(&asked->caller, asked->request))
		return false;
	if (strcmp(asked->caller.role, operations->role) == 0)
		return true;
	rpc_error_answer(asked->request, 403, "42501", "This token is no operator's",
					 "Its role is another one.", "Sign in with a token of the role that operator-role names.");
	return false;
}

/* False: it was answered with what is wrong. */
static bool
read_provider(struct operator_request *asked)
{
	const struct buffer *body = &asked->request->body;
	json_t				*json;
	const json_t		*provider;

	if (asked->action->method == HTTP_GET)
		return true;
	json = json_loadb(body->length > 0 ? body->data : "", body->length, JSON_REJECT_DUPLICATES, NULL);
	provider = json_object_get(json, "provider");
	if (json_object_size(json) == 1 && json_is_string(provider))
		asked->provider = memory_copy(json_string_value(provider), json_string_length(provider));
	json_decref(json);
	if (asked->provider == NULL)
		rpc_error_answer(asked->request, 400, "PGRST102", "The body must be {\"provider\": name}", NULL, NULL);
	return asked->provider != NULL;
}

static const struct operator_action *
find_action(const struct http_request *request)
{
	for (unsigned i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
	{
		if (strcmp(request->path + sizeof(PREFIX) - 1, actions[i].name) == 0)
			return &actions[i];
	}
	return NULL;
}

/* Whoever may GET may also ask for the HEAD. */
static bool
is_method_of(const struct http_request *request, const struct operator_action *action)
{
	return request->method == action->method ||
		   (request->method == HTTP_HEAD && action->method == HTTP_GET);
}

static void
start(struct http_request *request, const struct operator_action *action)
{
	struct operator_request *asked = memory_new(sizeof(*asked));

	asked->request = request;
	asked->action = action;
	request->work = asked;
	request->abandon = forget;
	if (read_caller(asked) && read_provider(asked))
		ask(asked);
}

static void
handle(struct http_request *request)
{
	const struct operator_action *action = find_action(request);

	if (action == NULL)
		rpc_error_answer(request, 404, "PGRST125", "There is nothing here", NULL, NULL);
	else if (!is_method_of(request, action))
		rpc_error_answer(request, 405, "PGRST101",
						 action->method == HTTP_GET ? "This is asked for by GET only"
													: "This is done by POST only",
						 NULL, NULL);
	else
		start(request, action);
}

static bool
refuse_early(struct http_request *request)
{
	if (request->length > BODY_MAX_BYTES)
		rpc_error_answer(request, 413, "PGRST102", "The body is too large", NULL, NULL);
	else if (request->chunked)
		rpc_error_answer(request, 411, "PGRST102", "The length of the body must be given first", NULL, NULL);
	else
		return false;
	return true;
}

const struct http_handler operator_handler = {
	.refuse_early = refuse_early, .handle = handle, .internal = true};
