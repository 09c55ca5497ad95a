/*
 * rpc.c
 *		Calls of SQL functions by HTTP: /rest/v1/rpc/{function}.
 *
 * What is known of the functions is read when the first call needs it, and again
 * when a call fits nothing that is known, or the database is a new one.
 */
#include "rpc.h"

#include <stdio.h>
#include <stdlib.h>

#include "caller.h"
#include "database_link.h"
#include "loop.h"
#include "memory.h"
#include "rpc_catalog.h"
#include "rpc_error.h"
#include "rpc_filter.h"
#include "rpc_statement.h"

#define CATALOG_MIN_AGE_MS 1000
#define ANSWER_PATIENCE_MS 5000
#define NAME_MAX_BYTES	   63
#define TEXT_MAX_BYTES	   512

struct rpc
{
	uv_loop_t			 *uv;		   /* where it runs */
	const struct options *options;	   /* what the operator decided */
	struct pool			 *pool;		   /* runs the calls */
	struct rpc_catalog	  catalog;	   /* what can be called */
	uint64_t			  catalog_at;  /* loop time at which it was read */
	char				  timeout[24]; /* statement_timeout, as text */
};

struct rpc_call
{
	struct rpc			*rpc;	  /* whose */
	struct http_request *request; /* what is to be answered */
	struct pool_job		*job;	  /* under way; NULL: none is */
	const char			*name;	  /* of the function, in the request's path */
	struct rpc_query	 query;	  /* what is wanted of the result */
	json_t				*body;	  /* NULL: the arguments are in the query */
	struct caller		 caller;  /* who calls */
	bool				 is_void; /* the function returns nothing */
};

/* supabase-js names this one unless told otherwise, so it is no choice. */
#define ANY_SCHEMA "public"

static void look_up(struct rpc_call *call);

bool
rpc_wants(const char *path)
{
	struct slice name;

	return rpc_query_function(path, &name);
}

static void
forget_catalog(struct rpc *rpc)
{
	json_decref(rpc->catalog.functions);
	rpc->catalog.functions = NULL;
}

/* Another server may be there now, or another release of the extension. */
static void
on_ready(void *owner)
{
	forget_catalog(owner);
}

struct rpc *
rpc_new(const struct link_setup *setup, const struct options *options,
		unsigned connections, size_t waiting_most)
{
	struct rpc				  *rpc = memory_new(sizeof(*rpc));
	const struct pool_settings settings = {
		.name = "rpc",
		.program = "harthio-notifier rpc",
		.connections = connections,
		.waiting_most = waiting_most,
		.wait_ms = options->rpc_wait_ms,
		.run_ms = options->rpc_timeout_ms + ANSWER_PATIENCE_MS,
		.ready = on_ready,
		.owner = rpc,
	};

	rpc->uv = setup->uv;
	rpc->options = options;
	rpc_catalog_init(&rpc->catalog, options->rpc_functions);
	snprintf(rpc->timeout, sizeof(rpc->timeout), "%llu",
			 (unsigned long long) options->rpc_timeout_ms);
	rpc->pool = pool_new(setup, &settings);
	return rpc;
}

void
rpc_stop(struct rpc *rpc)
{
	pool_stop(rpc->pool);
}

void
rpc_free(struct rpc *rpc)
{
	if (rpc == NULL)
		return;
	pool_free(rpc->pool);
	rpc_catalog_free(&rpc->catalog);
	free(rpc);
}

size_t
rpc_waiting(const struct rpc *rpc)
{
	return pool_waiting(rpc->pool);
}

void
rpc_tick(struct rpc *rpc)
{
	pool_tick(rpc->pool);
}

static void
call_free(void *work)
{
	struct rpc_call *call = work;

	if (call->job != NULL)
		pool_cancel(call->job);
	json_decref(call->body);
	rpc_query_free(&call->query);
	caller_free(&call->caller);
	free(call);
}

static void
refuse(struct rpc_call *call, unsigned status, const char *code, const char *message)
{
	rpc_error_answer(call->request, status, code, message, NULL, NULL);
}

/* There is no answer of the database. */
static void
refuse_unanswered(struct rpc_call *call, enum pool_verdict verdict)
{
	metrics_add(&call->request->loop->metrics, METRIC_RPC_REFUSED, 1);
	rpc_error_answer_verdict(call->request, verdict);
}

static const json_t *
arguments_of(const struct rpc_call *call)
{
	return call->body != NULL ? call->body : call->query.arguments;
}

static void
refuse_query(struct rpc_call *call)
{
	const struct rpc_problem *problem = &call->query.problem;

	rpc_error_answer(call->request, problem->status, problem->code, problem->message,
					 *problem->details != '\0' ? problem->details : NULL, NULL);
}

/* It is not there any more, or not as it was. */
static bool
is_about_function(const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return code != NULL && (strcmp(code, "42883") == 0 || strcmp(code, "42704") == 0 ||
							strcmp(code, "42804") == 0 || strcmp(code, "3F000") == 0);
}

static uint64_t
number_in(const PGresult *result, enum rpc_column column)
{
	return strtoull(PQgetvalue(result, 0, column), NULL, 10);
}

/* Which rows these are, and of how many: "2-3/10", or with stars for what is not known. */
static void
add_range(struct rpc_call *call, uint64_t rows, const char *total)
{
	const uint64_t first = call->query.offset;
	char		   range[80];

	if (rows > 0)
		snprintf(range, sizeof(range), "%llu-%llu/%s", (unsigned long long) first,
				 (unsigned long long) (first + rows - 1), total);
	else
		snprintf(range, sizeof(range), "*/%s", total);
	http_add_header(call->request, "content-range:", range);
}

static void
refuse_range(struct rpc_call *call, uint64_t total)
{
	char details[128];

	snprintf(details, sizeof(details), "An offset of %llu was requested, but there are only %llu rows.",
			 (unsigned long long) call->query.offset, (unsigned long long) total);
	rpc_error_answer(call->request, 416, "PGRST103", "Requested range not satisfiable", details, NULL);
}

static void
answer_rows(struct rpc_call *call, const PGresult *result)
{
	const bool	   counted = !PQgetisnull(result, 0, RPC_COLUMN_TOTAL);
	const uint64_t rows = number_in(result, RPC_COLUMN_ROWS);
	const uint64_t total = counted ? number_in(result, RPC_COLUMN_TOTAL) : rows;

	add_range(call, rows, counted ? PQgetvalue(result, 0, RPC_COLUMN_TOTAL) : "*");
	if (call->query.object)
		call->request->answer_type = "application/vnd.pgrst.object+json";
	if (counted && call->query.offset > total)
		refuse_range(call, total);
	else
		http_answer(call->request, rows < total ? 206 : 200,
					slice_of(PQgetvalue(result, 0, RPC_COLUMN_BODY),
							 (size_t) PQgetlength(result, 0, RPC_COLUMN_BODY)));
}

static void
on_called(void *owner, enum pool_verdict verdict, const PGresult *result)
{
	struct rpc_call *call = owner;

	call->job = NULL;
	if (verdict != POOL_ANSWERED)
		refuse_unanswered(call, verdict);
	else if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		if (is_about_function(result))
			forget_catalog(call->rpc);
		caller_answer_error(&call->caller, call->request, result);
	}
	else if (call->is_void)
		http_answer(call->request, 204, SLICE(""));
	else
		answer_rows(call, result);
}

static void
ask(struct rpc_call *call, const struct pool_statement *statements, size_t count,
	pool_callback callback)
{
	call->job = pool_ask(call->rpc->pool, statements, count, callback, call);
	if (call->job == NULL)
		refuse_unanswered(call, POOL_FULL);
}

/* The arguments as one value, after those of the filters. */
static void
add_values(const struct rpc_call *call, struct pool_statement *statement, const char *arguments)
{
	statement->value_count = call->query.value_count;
	for (int i = 0; i < statement->value_count; i++)
		statement->values[i] = call->query.values[i];
	if (json_object_size(arguments_of(call)) > 0)
		statement->values[statement->value_count++] = arguments;
}

static char *
arguments_text(const struct rpc_call *call)
{
	const struct buffer *body = &call->request->body;

	return call->body != NULL ? memory_copy(body->data, body->length)
							  : json_dumps(call->query.arguments, JSON_COMPACT);
}

/* Whoever asks by GET, or has promised it, changes nothing. */
static void
run(struct rpc_call *call, const json_t *function)
{
	const bool			  reads = call->body == NULL || rpc_function_reads(function);
	struct buffer		  sql = {0};
	char				 *arguments = arguments_text(call);
	struct pool_statement statements[] = {
		caller_settings(&call->caller, call->request, rpc_function_schema(function), call->rpc->timeout,
						reads),
		{.value_count = 0}};

	call->is_void = rpc_function_is_void(function);
	rpc_statement(function, arguments_of(call), call->body == NULL, &call->query, &sql);
	buffer_append_byte(&sql, '\0');
	statements[1].before = sql.data;
	add_values(call, &statements[1], arguments);
	ask(call, statements, 2, on_called);
	buffer_free(&sql);
	free(arguments);
}

/* The names of the arguments, "a, b"; as many as fit. */
static void
list_arguments(const struct rpc_call *call, char *text, size_t size)
{
	const char *key;
	json_t	   *value;
	size_t		used = 0;

	*text = '\0';
	json_object_foreach((json_t *) arguments_of(call), key, value)
	{
		const size_t needed = strlen(key) + 2;

		if (needed >= size - used)
			break;
		used += (size_t) snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", key);
	}
}

/* Nothing that may be called is called so. */
static void
refuse_unknown(struct rpc_call *call)
{
	char names[TEXT_MAX_BYTES];
	char message[2 * TEXT_MAX_BYTES];
	char details[2 * TEXT_MAX_BYTES];

	list_arguments(call, names, sizeof(names));
	snprintf(message, sizeof(message),
			 *names != '\0' ? "Could not find the function %.*s(%s) in the schema cache"
							: "Could not find the function %.*s%s without parameters in the schema cache",
			 NAME_MAX_BYTES, call->name, names);
	snprintf(details, sizeof(details),
			 *names != '\0' ? "Searched for the function %.*s with parameters %s, but no matches were found."
							: "Searched for the function %.*s%s without parameters, but no matches were found.",
			 NAME_MAX_BYTES, call->name, names);
	rpc_error_answer(call->request, 404, "PGRST202", message, details,
					 rpc_catalog_allows(&call->rpc->catalog, call->name)
						 ? "Compare the names of the arguments."
						 : "Only functions that the operator lists (rpc-functions) can be called.");
}

static void
on_catalog(void *owner, enum pool_verdict verdict, const PGresult *result)
{
	struct rpc_call *call = owner;
	struct rpc		*rpc = call->rpc;

	call->job = NULL;
	if (verdict != POOL_ANSWERED)
		refuse_unanswered(call, verdict);
	else if (PQresultStatus(result) != PGRES_TUPLES_OK)
		rpc_error_answer_result(call->request, result, caller_is_known(&call->caller));
	else
	{
		rpc_catalog_take(&rpc->catalog, PQgetvalue(result, 0, 0));
		rpc->catalog_at = uv_now(rpc->uv);
		look_up(call);
	}
}

static void
read_catalog(struct rpc_call *call)
{
	char					   *value = rpc_catalog_value(&call->rpc->catalog);
	const struct pool_statement statement = {
		.before = rpc_catalog_question, .values = {value}, .value_count = 1};

	ask(call, &statement, 1, on_catalog);
	free(value);
}

/* Where nothing is chosen, that of any schema will do, if there is only one. */
static const json_t *
find(const struct rpc_call *call, size_t *count)
{
	const struct rpc_catalog *catalog = &call->rpc->catalog;
	const char				 *profile = call->request->profile;
	const char				 *schema = profile != NULL ? profile : ANY_SCHEMA;
	const json_t			 *function =
		rpc_catalog_find(catalog, schema, call->name, arguments_of(call), count);

	if (*count == 0 && strcmp(schema, ANY_SCHEMA) == 0)
		function = rpc_catalog_find(catalog, NULL, call->name, arguments_of(call), count);
	return function;
}

static bool
is_other_schema(const struct rpc_call *call)
{
	const char *profile = call->request->profile;

	return profile != NULL && strcmp(profile, ANY_SCHEMA) != 0 &&
		   !rpc_catalog_has_schema(&call->rpc->catalog, profile);
}

static void
refuse_schema(struct rpc_call *call)
{
	char message[TEXT_MAX_BYTES];

	snprintf(message, sizeof(message), "Invalid schema: %.*s", NAME_MAX_BYTES, call->request->profile);
	rpc_error_answer(call->request, 406, "PGRST106", message, NULL,
					 "Only schemas with functions that the operator lists (rpc-functions) are exposed.");
}

static void
run_if_it_can(struct rpc_call *call, const json_t *function)
{
	if (rpc_statement_can(function, &call->query))
	{
		run(call, function);
		return;
	}
	rpc_query_not_done(&call->query, "Results without columns are not selected, filtered or ordered",
					   slice_text(call->name));
	refuse_query(call);
}

/* What is known may be too old, or nothing yet. */
static bool
may_read_catalog(const struct rpc_call *call)
{
	const struct rpc *rpc = call->rpc;

	return rpc_catalog_allows(&rpc->catalog, call->name) &&
		   (rpc->catalog.functions == NULL || uv_now(rpc->uv) - rpc->catalog_at >= CATALOG_MIN_AGE_MS);
}

/* Find the function, and call it. */
static void
look_up(struct rpc_call *call)
{
	size_t		  count;
	const json_t *function = find(call, &count);

	if (function != NULL)
		run_if_it_can(call, function);
	else if (count > 1)
		refuse(call, 300, "PGRST203",
			   "Could not choose the best candidate function");
	else if (may_read_catalog(call))
		read_catalog(call);
	else if (is_other_schema(call))
		refuse_schema(call);
	else
		refuse_unknown(call);
}

/* An empty body has no arguments.  False: it was answered with what is wrong. */
static bool
read_body(struct rpc_call *call)
{
	const struct buffer *body = &call->request->body;

	if (call->request->method != HTTP_POST)
		return true;
	if (body->length == 0)
		call->body = json_object();
	else
		call->body = json_loadb(body->data, body->length, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(call->body))
		return true;
	refuse(call, 400, "PGRST102",
		   "The body must be a JSON object of named arguments");
	return false;
}

static bool
read_query(struct rpc_call *call)
{
	if (rpc_query_read(&call->query, call->request))
		return true;
	refuse_query(call);
	return false;
}

static void
start_call(struct http_request *request)
{
	struct rpc_call *call = memory_new(sizeof(*call));
	struct slice	 name = {0};

	rpc_query_function(request->path, &name);
	call->rpc = request->loop->rpc;
	call->request = request;
	call->name = name.data;
	request->work = call;
	request->abandon = call_free;
	if (!caller_read(&call->caller, request) || !read_query(call) || !read_body(call))
		return;
	metrics_add(&request->loop->metrics, METRIC_RPC_CALLS, 1);
	look_up(call);
}

bool
rpc_refuse_early(struct http_request *request)
{
	const struct rpc *rpc = request->loop->rpc;

	if (rpc == NULL)
		rpc_error_answer(request, 404, "PGRST125",
						 "Functions are not called by HTTP here (rpc is off)", NULL, NULL);
	else if (request->length > rpc->options->rpc_max_bytes)
		rpc_error_answer(request, 413, "PGRST102",
						 "The body is too large", NULL, NULL);
	else if (request->chunked)
		rpc_error_answer(request, 411, "PGRST102",
						 "The length of the body must be given first", NULL, NULL);
	else
		return false;
	return true;
}

void
rpc_handle(struct http_request *request)
{
	if (request->method == HTTP_OPTIONS)
		http_answer(request, 204, SLICE(""));
	else if (request->method == HTTP_OTHER)
		rpc_error_answer(request, 405, "PGRST101",
						 "Functions are called by GET, HEAD or POST only", NULL, NULL);
	else
		start_call(request);
}
