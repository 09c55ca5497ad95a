/*
 * caller.c
 *		Who asks by HTTP, and as which role the database is asked for him.
 */
#include "caller.h"

#include <jansson.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "rpc_error.h"

#define ANONYMOUS_ROLE "anon"

/* All that is set for one transaction; the role comes last, it may forbid things. */
#define SETTINGS                                              \
	"pg_catalog.set_config('search_path', $1, true),"         \
	" pg_catalog.set_config('statement_timeout', $2, true),"  \
	" pg_catalog.set_config('request.method', $3, true),"     \
	" pg_catalog.set_config('request.path', $4, true),"       \
	" pg_catalog.set_config('request.jwt.claims', $5, true)," \
	" pg_catalog.set_config('role', $6, true)"

static const char prologue[] = "SELECT " SETTINGS;
static const char reading_prologue[] =
	"SELECT pg_catalog.set_config('transaction_read_only', 'on', true), " SETTINGS;

static void
refuse(struct http_request *request, const char *code, const char *message)
{
	rpc_error_answer(request, 401, code, message, NULL, NULL);
}

static char *
copy_role(const struct claims *claims)
{
	json_t		 *json = json_loads(claims->json, 0, NULL);
	const json_t *role = json_object_get(json, "role");
	char		 *copy = memory_copy(json_string_value(role), json_string_length(role));

	json_decref(json);
	return copy;
}

bool
caller_read(struct caller *caller, struct http_request *request)
{
	struct auth_refusal refusal;
	struct slice		rest;

	if (request->token == NULL)
	{
		refuse(request, "PGRST302", "Anonymous access is disabled");
		return false;
	}
	if (!auth_verify(request->loop->auth, slice_text(request->token), clock_now(),
					 &caller->claims, &refusal))
	{
		caller->claims = (struct claims){0};
		refuse(request, strcmp(refusal.code, "InvalidJWTToken") == 0 ? "PGRST303" : "PGRST301",
			   slice_after(slice_text(refusal.message), SLICE("Token has expired"), &rest)
				   ? "JWT expired"
				   : refusal.message);
		return false;
	}
	caller->role = copy_role(&caller->claims);
	return true;
}

void
caller_free(struct caller *caller)
{
	claims_free(&caller->claims);
	free(caller->role);
}

bool
caller_is_known(const struct caller *caller)
{
	return strcmp(caller->role, ANONYMOUS_ROLE) != 0;
}

static const char *
method_of(const struct http_request *request)
{
	switch (request->method)
	{
		case HTTP_GET:
			return "GET";
		case HTTP_HEAD:
			return "HEAD";
		default:
			return "POST";
	}
}

struct pool_statement
caller_settings(const struct caller *caller, const struct http_request *request,
				const char *search_path, const char *timeout, bool reads)
{
	return (struct pool_statement){
		.before = reads ? reading_prologue : prologue,
		.values = {search_path, timeout, method_of(request), request->path, caller->claims.json,
				   caller->role},
		.value_count = 6};
}

/* The operator has to know: no caller can do anything about it. */
static void
log_role(const struct caller *caller, const PGresult *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (message != NULL && strstr(message, "permission denied to set role") != NULL)
		log_warning("rpc", "event=no_role role=%s hint=%s", log_text(caller->role),
					log_text("GRANT this role to the one that the notifier logs in as."));
}

void
caller_answer_error(const struct caller *caller, struct http_request *request,
					const PGresult *result)
{
	log_role(caller, result);
	rpc_error_answer_result(request, result, caller_is_known(caller));
}
