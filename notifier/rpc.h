/*
 * rpc.h
 *		Calls of SQL functions by HTTP: /rest/v1/rpc/{function}.
 *
 * For those who have no PostgREST, and as PostgREST does it: named arguments as
 * a JSON object or in the query, the role and the claims of the token for one
 * transaction, the result as JSON, of it what the query asks for, errors as {code, details, hint, message}.  Only the functions
 * of the extension that clients may call, and those that the operator lists, can
 * be called; whether the caller may call one, the database decides.
 */
#ifndef HARTHIO_RPC_H
#define HARTHIO_RPC_H

#include <stdbool.h>

#include "http.h"
#include "options.h"

struct link_setup;
struct rpc;

/* With so many connections, for which so many calls may wait. */
struct rpc *rpc_new(const struct link_setup *setup, const struct options *options,
					unsigned connections, size_t waiting_most);

/* Ask no more; "rpc_free" when the loop has closed its handles. */
void rpc_stop(struct rpc *rpc);
void rpc_free(struct rpc *rpc);
void rpc_tick(struct rpc *rpc);

/* How many calls wait for a connection? */
size_t rpc_waiting(const struct rpc *rpc);

/* Is this path ours to answer? */
bool rpc_wants(const char *path);

/*
 * Can it be answered before the body is there?  Otherwise it is handled once it
 * is whole; both answer it, at once or later.
 */
bool rpc_refuse_early(struct http_request *request);
void rpc_handle(struct http_request *request);

#endif
