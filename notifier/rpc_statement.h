/*
 * rpc_statement.h
 *		The SQL that calls a function of the catalog and shapes its result.
 */
#ifndef HARTHIO_RPC_STATEMENT_H
#define HARTHIO_RPC_STATEMENT_H

#include "rpc_query.h"

/* What a statement gives: one row with these columns. */
enum rpc_column
{
	RPC_COLUMN_BODY,  /* JSON */
	RPC_COLUMN_ROWS,  /* how many rows are in it */
	RPC_COLUMN_TOTAL, /* how many there are without a limit; null if nobody asked */
	RPC_COLUMNS
};

/*
 * An error with this at the beginning of its value, and the number of rows after
 * it, undoes what the function did: its result is not the one row that was asked
 * for.
 */
#define RPC_NOT_SINGULAR "PGRST116 "

/* Does it return nothing at all? */
bool rpc_function_is_void(const json_t *function);

/* Has it promised to change nothing? */
bool rpc_function_reads(const json_t *function);

/* Its schema, quoted: where its own names are looked up. */
const char *rpc_function_schema(const json_t *function);

/* False: the function's result has no columns, or is none, and the query wants some. */
bool rpc_statement_can(const json_t *function, const struct rpc_query *query);

/*
 * The statement that calls it with these arguments.  Its values are the query's
 * and, if there are arguments, one more: their JSON object.  Arguments as
 * "literals" are texts that PostgreSQL reads as it reads a quoted one in SQL.
 */
void rpc_statement(const json_t *function, const json_t *arguments, bool literals,
				   const struct rpc_query *query, struct buffer *sql);

#endif
