/*
 * rpc_statement.c
 *		The SQL that calls a function of the catalog and shapes its result.
 *
 *	WITH found AS (SELECT * FROM (the call) AS called WHERE filters)
 *	SELECT body, count(*), total
 *	  FROM (SELECT columns FROM found ORDER BY order LIMIT n OFFSET n) AS page
 *
 * Columns are never qualified: "found.name" would be a call of the function
 * "name", if there is no such column.
 */
#include "rpc_statement.h"

#include <stdio.h>

#include "rpc_catalog.h"

bool
rpc_function_is_void(const json_t *function)
{
	return rpc_catalog_flag(function, "void");
}

bool
rpc_function_reads(const json_t *function)
{
	return rpc_catalog_flag(function, "reads");
}

const char *
rpc_function_schema(const json_t *function)
{
	return rpc_catalog_text(function, "schema");
}

bool
rpc_statement_can(const json_t *function, const struct rpc_query *query)
{
	if (rpc_function_is_void(function))
		return !rpc_query_names_columns(query) && query->limit == UINT64_MAX && query->offset == 0;
	return rpc_catalog_flag(function, "composite") || !rpc_query_names_columns(query);
}

static void
append_number(struct buffer *sql, const char *before, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long) number);
	buffer_append_text(sql, before);
	buffer_append_text(sql, text);
}

/* If there is anything, "before" and it. */
static void
append_clause(struct buffer *sql, const char *before, const struct buffer *clause)
{
	if (clause->length == 0)
		return;
	buffer_append_text(sql, before);
	buffer_append(sql, buffer_slice(clause));
}

/* Append "pattern" for each given argument, # being its name, and % its type. */
static void
append_each(struct buffer *sql, const json_t *function, const json_t *arguments,
			const char *pattern)
{
	const char *separator = "";
	size_t		i;
	json_t	   *one;

	json_array_foreach(json_object_get(function, "arguments"), i, one)
	{
		if (json_object_get(arguments, rpc_catalog_text(one, "name")) == NULL)
			continue;
		buffer_append_text(sql, separator);
		for (const char *c = pattern; *c != '\0'; c++)
		{
			if (*c == '#')
				buffer_append_text(sql, rpc_catalog_text(one, "quoted"));
			else if (*c == '%')
				buffer_append_text(sql, rpc_catalog_text(one, "type"));
			else
				buffer_append_byte(sql, (unsigned char) *c);
		}
		separator = ", ";
	}
}

/* "given", FROM which the call has its arguments. */
static void
append_given(struct buffer *sql, const json_t *function, const json_t *arguments,
			 bool literals, int value)
{
	append_number(sql, "pg_catalog.json_to_record($", (uint64_t) value);
	buffer_append_text(sql, "::pg_catalog.json) AS given(");
	append_each(sql, function, arguments, literals ? "# pg_catalog.text" : "# %");
	buffer_append_text(sql, ")");
}

static void
append_call(struct buffer *sql, const json_t *function, const json_t *arguments, bool literals)
{
	buffer_append_text(sql, rpc_catalog_text(function, "call"));
	buffer_append_text(sql, "(");
	append_each(sql, function, arguments, literals ? "# => given.#::%" : "# => given.#");
	buffer_append_text(sql, ")");
}

/* Nothing, but one row of it. */
static void
append_void(struct buffer *sql, const json_t *function, const json_t *arguments, bool literals)
{
	buffer_append_text(sql, "SELECT (");
	append_call(sql, function, arguments, literals);
	buffer_append_text(sql, "), 1, 1");
	if (json_object_size(arguments) > 0)
	{
		buffer_append_text(sql, " FROM ");
		append_given(sql, function, arguments, literals, 1);
	}
}

/* The rows that the function gives, with their columns or the only one, "one". */
static void
append_rows(struct buffer *sql, const json_t *function, const json_t *arguments,
			bool literals, const struct rpc_query *query)
{
	buffer_append_text(sql, "WITH found AS (SELECT * FROM (SELECT called.* FROM ");
	if (json_object_size(arguments) > 0)
	{
		append_given(sql, function, arguments, literals, query->value_count + 1);
		buffer_append_text(sql, ", LATERAL ");
	}
	append_call(sql, function, arguments, literals);
	buffer_append_text(sql, rpc_catalog_flag(function, "composite") ? " AS called" : " AS called(one)");
	buffer_append_text(sql, ") AS called");
	append_clause(sql, " WHERE ", &query->filters);
	buffer_append_text(sql, ")");
}

/* Of a set an array; of one row, or if one is asked for, that one. */
static void
append_body(struct buffer *sql, const json_t *function, const struct rpc_query *query)
{
	const bool set = rpc_catalog_flag(function, "set");

	buffer_append_text(sql, query->object ? " SELECT CASE pg_catalog.count(*) WHEN 1 THEN " : " SELECT ");
	buffer_append_text(sql, "coalesce(pg_catalog.json_agg(");
	buffer_append_text(sql, rpc_catalog_flag(function, "composite") ? "page.*)" : "page.one)");
	if (set && !query->object)
		buffer_append_text(sql, ", '[]')");
	else
		buffer_append_text(sql, " -> 0, 'null')");
	if (query->object)
		buffer_append_text(sql, " ELSE pg_catalog.to_json(('" RPC_NOT_SINGULAR "' || pg_catalog.count(*))::pg_catalog.int4) END");
	buffer_append_text(sql, ", pg_catalog.count(*), ");
	buffer_append_text(sql, query->count ? "(SELECT pg_catalog.count(*) FROM found)" : "NULL");
}

static void
append_page(struct buffer *sql, const struct rpc_query *query)
{
	buffer_append_text(sql, " FROM (SELECT ");
	if (query->columns.length > 0)
		buffer_append(sql, buffer_slice(&query->columns));
	else
		buffer_append_text(sql, "*");
	buffer_append_text(sql, " FROM found");
	append_clause(sql, " ORDER BY ", &query->order);
	if (query->limit != UINT64_MAX)
		append_number(sql, " LIMIT ", query->limit);
	if (query->offset != 0)
		append_number(sql, " OFFSET ", query->offset);
	buffer_append_text(sql, ") AS page");
}

void
rpc_statement(const json_t *function, const json_t *arguments, bool literals,
			  const struct rpc_query *query, struct buffer *sql)
{
	if (rpc_function_is_void(function))
	{
		append_void(sql, function, arguments, literals);
		return;
	}
	append_rows(sql, function, arguments, literals, query);
	append_body(sql, function, query);
	append_page(sql, query);
}
