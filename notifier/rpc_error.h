/*
 * rpc_error.h
 *		What went wrong with a call, in the words and numbers of PostgREST.
 */
#ifndef HARTHIO_RPC_ERROR_H
#define HARTHIO_RPC_ERROR_H

#include <libpq-fe.h>

#include "http.h"
#include "pool.h"

/* The HTTP status of an SQLSTATE; "known": the caller has a role of its own. */
unsigned rpc_error_status(const char *sqlstate, bool known);

/* {"code", "details", "hint", "message"}; those that are NULL are null. */
void rpc_error_answer(struct http_request *request, unsigned status, const char *code,
					  const char *message, const char *details, const char *hint);

/* The same of why there is no answer of the database. */
void rpc_error_answer_verdict(struct http_request *request, enum pool_verdict verdict);

/* The same of what the database said. */
void rpc_error_answer_result(struct http_request *request, const PGresult *result, bool known);

#endif
