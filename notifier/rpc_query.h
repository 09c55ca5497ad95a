/*
 * rpc_query.h
 *		What a call asks of its result: which columns, which rows, in which order.
 *
 * Read from the query string and the headers, as PostgREST reads them, into
 * pieces of SQL for the names "select", "where" and "order by".  A client's names
 * are quoted identifiers there and its values placeholders, so PostgreSQL alone
 * says what they mean.
 */
#ifndef HARTHIO_RPC_QUERY_H
#define HARTHIO_RPC_QUERY_H

#include <jansson.h>
#include <stdbool.h>

#include "http.h"

#define RPC_QUERY_VALUES_MAX 15
#define RPC_PROBLEM_MAX		 256

/* Why a query is not answered; the status is 0 as long as there is no reason. */
struct rpc_problem
{
	unsigned	status;
	const char *code;
	const char *message;
	char		details[RPC_PROBLEM_MAX]; /* empty: none */
};

struct rpc_query
{
	struct buffer	   columns;						 /* of a SELECT; empty: all */
	struct buffer	   filters;						 /* of its WHERE; empty: all rows */
	struct buffer	   order;						 /* of its ORDER BY; empty: as they come */
	char			  *values[RPC_QUERY_VALUES_MAX]; /* of the filters: $1, $2 ... */
	int				   value_count;
	uint64_t		   limit;	  /* rows at most; UINT64_MAX: all */
	uint64_t		   offset;	  /* rows left out at the beginning */
	bool			   object;	  /* one row alone is wanted, as an object */
	bool			   count;	  /* how many rows there are without a limit? */
	json_t			  *arguments; /* of the function, that were in the query */
	struct rpc_problem problem;
};

/* The function that a path names, which may be none; false: the path is not ours. */
bool rpc_query_function(const char *path, struct slice *name);

/*
 * False: "problem" says why.  Free it in any case.  In a GET or a HEAD, what is
 * not about the result is an argument of the function.
 */
bool rpc_query_read(struct rpc_query *query, const struct http_request *request);
void rpc_query_free(struct rpc_query *query);

/* Is anything asked that only a result with columns can give? */
bool rpc_query_names_columns(const struct rpc_query *query);

#endif
