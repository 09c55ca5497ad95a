/*
 * rpc_error.c
 *		What went wrong with a call, in the words and numbers of PostgREST.
 */
#include "rpc_error.h"

#include <stdlib.h>

/* SQLSTATEs, or beginnings of them; the first one that fits counts. */
static const struct
{
	const char *prefix;
	unsigned	status;
} statuses[] = {
	{"08", 503}, {"09", 500}, {"0L", 403}, {"0P", 403}, {"23503", 409}, {"23505", 409}, {"25006", 405}, {"25", 500}, {"28", 403}, {"2D", 500}, {"38", 500}, {"39", 500}, {"3B", 500}, {"40", 500}, {"42883", 404}, {"42P01", 404}, {"42P17", 500}, {"53400", 500}, {"53", 503}, {"54", 500}, {"55", 500}, {"57P01", 503}, {"57", 500}, {"58", 500}, {"F0", 500}, {"HV", 500}, {"P0001", 400}, {"P0", 500}, {"XX", 500}};

/* PT402 is what a function raises to be answered with 402. */
static unsigned
own_status(const char *sqlstate)
{
	const unsigned long status = strtoul(sqlstate + 2, NULL, 10);

	return status >= 200 && status <= 599 ? (unsigned) status : 500;
}

unsigned
rpc_error_status(const char *sqlstate, bool known)
{
	if (strcmp(sqlstate, "42501") == 0)
		return known ? 403 : 401;
	if (strncmp(sqlstate, "PT", 2) == 0)
		return own_status(sqlstate);
	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
	{
		if (strncmp(sqlstate, statuses[i].prefix, strlen(statuses[i].prefix)) == 0)
			return statuses[i].status;
	}
	return 400;
}

static void
append_field(struct buffer *json, const char *name, const char *value)
{
	buffer_append_text(json, name);
	if (value != NULL)
		buffer_append_json_string(json, slice_text(value));
	else
		buffer_append_text(json, "null");
}

void
rpc_error_answer(struct http_request *request, unsigned status, const char *code,
				 const char *message, const char *details, const char *hint)
{
	struct buffer json = {0};

	append_field(&json, "{\"code\":", code);
	append_field(&json, ",\"details\":", details);
	append_field(&json, ",\"hint\":", hint);
	append_field(&json, ",\"message\":", message);
	buffer_append_byte(&json, '}');
	http_answer(request, status, buffer_slice(&json));
	buffer_free(&json);
}

void
rpc_error_answer_result(struct http_request *request, const PGresult *result, bool known)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (code == NULL || message == NULL)
	{
		rpc_error_answer(request, 500, "PGRSTX00", "The database gave an answer that makes no sense",
						 NULL, NULL);
		return;
	}
	rpc_error_answer(request, rpc_error_status(code, known), code, message,
					 PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
					 PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
}
