/*
 * rpc_filter.h
 *		Filters of a query string, "column=operator.value", as SQL.
 */
#ifndef HARTHIO_RPC_FILTER_H
#define HARTHIO_RPC_FILTER_H

#include "rpc_query.h"

enum rpc_filter_kind
{
	RPC_FILTER_NONE, /* the value begins with no operator */
	RPC_FILTER_GOOD, /* it was added to the query's filters */
	RPC_FILTER_BAD	 /* the query's problem says why */
};

enum rpc_filter_kind rpc_filter_add(struct rpc_query *query, struct slice column,
									struct slice value);

/*
 * Take a name, plain or in double quotes, off the text and append it to the SQL as
 * a quoted identifier.  False: there is none.
 */
bool rpc_take_name(struct slice *text, struct buffer *sql);

/* Take the prefix off the text, if it begins with it. */
bool rpc_take(struct slice *text, struct slice prefix);

/* Both return false, for those who give that on. */
bool rpc_query_malformed(struct rpc_query *query, const char *what, struct slice text);
bool rpc_query_not_done(struct rpc_query *query, const char *what, struct slice text);

#endif
