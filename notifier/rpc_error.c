/*
 * rpc_error.c
 *		What went wrong with a call, in the words and numbers of PostgREST.
 */
#include "rpc_error.h"

#include <stdio.h>
#include <stdlib.h>

#include "json_scan.h"
#include "rpc_statement.h"

#define RETRY_AFTER_SECONDS 1
#define ROWS_MAX			24

/* SQLSTATEs, or beginnings of them; the first one that fits counts. */
static const struct
{
	const char *prefix;
	unsigned	status;
} statuses[] = {
	{"08", 503}, {"09", 500}, {"0L", 403}, {"0P", 403}, {"21000", 500}, {"23503", 409}, {"23505", 409}, {"25006", 405}, {"25", 500}, {"28", 403}, {"2D", 500}, {"38", 500}, {"39", 500}, {"3B", 500}, {"40", 500}, {"42883", 404}, {"42P01", 404}, {"42P17", 500}, {"53400", 500}, {"53", 503}, {"54", 500}, {"55", 500}, {"57P01", 503}, {"57", 500}, {"58", 500}, {"F0", 500}, {"HV", 500}, {"P0001", 400}, {"P0", 500}, {"XX", 500}};

/* Why there is no answer, by verdict. */
static const struct no_answer
{
	unsigned	status;
	const char *code;
	const char *message;
} no_answers[] = {
	[POOL_BUSY] = {504, "PGRST003", "Timed out acquiring connection from connection pool."},
	[POOL_AWAY] = {503, "PGRST000", "Could not connect with the database"},
	[POOL_LOST] = {503, "PGRST001",
				   "The connection with the database was lost before it answered; "
				   "the function may have run"},
	[POOL_FULL] = {503, "PGRST003", "Too many calls are waiting for the database"}};

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

/* What a client sent need not be UTF-8, or was cut in the middle of a letter. */
static void
append_text(struct buffer *json, struct slice text)
{
	struct buffer plain = {0};

	for (size_t i = 0; i < text.length; i++)
		buffer_append_byte(&plain, (unsigned char) text.data[i] < 0x80 ? (unsigned char) text.data[i] : '?');
	buffer_append_json_string(json, utf8_valid(text) ? text : buffer_slice(&plain));
	buffer_free(&plain);
}

static void
append_field(struct buffer *json, const char *name, const char *value)
{
	buffer_append_text(json, name);
	if (value != NULL)
		append_text(json, slice_text(value));
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
	if (status == 401)
		http_add_header(request, "www-authenticate:", "Bearer");
	http_answer(request, status, buffer_slice(&json));
	buffer_free(&json);
}

/* The token names a role that the database does not know. */
static bool
is_unknown_role(const char *code, const char *message)
{
	const char *const end = " does not exist";
	const size_t	  length = strlen(message);

	return strcmp(code, "22023") == 0 && strncmp(message, "role ", 5) == 0 &&
		   length > strlen(end) && strcmp(message + length - strlen(end), end) == 0;
}

static bool
is_not_singular(const char *code, const char *message, char rows[ROWS_MAX])
{
	const char *found = strstr(message, RPC_NOT_SINGULAR);

	if (strcmp(code, "22P02") != 0 || found == NULL)
		return false;
	found += strlen(RPC_NOT_SINGULAR);
	snprintf(rows, ROWS_MAX, "%.*s", (int) strspn(found, "0123456789"), found);
	return true;
}

void
rpc_error_answer_verdict(struct http_request *request, enum pool_verdict verdict)
{
	const struct no_answer *why = &no_answers[verdict];

	request->retry_after = RETRY_AFTER_SECONDS;
	rpc_error_answer(request, why->status, why->code, why->message, NULL, NULL);
}

void
rpc_error_answer_result(struct http_request *request, const PGresult *result, bool known)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	char		rows[ROWS_MAX];
	char		details[64];

	if (code == NULL || message == NULL)
	{
		rpc_error_answer(request, 500, "PGRSTX00", "The database gave an answer that makes no sense",
						 NULL, NULL);
		return;
	}
	if (is_not_singular(code, message, rows))
	{
		snprintf(details, sizeof(details), "The result contains %s rows", rows);
		rpc_error_answer(request, 406, "PGRST116",
						 "Cannot coerce the result to a single JSON object", details, NULL);
		return;
	}
	rpc_error_answer(request, is_unknown_role(code, message) ? 401 : rpc_error_status(code, known),
					 code, message,
					 PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
					 PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
}
