/*
 * rpc_query.c
 *		What a call asks of its result: which columns, which rows, in which order.
 */
#include "rpc_query.h"

#include <stdlib.h>
#include <strings.h>

#include "memory.h"
#include "rpc_filter.h"

#define GATEWAY_PREFIX "/rest/v1"
#define RPC_PREFIX	   "/rpc/"

#define DIGITS_MAX 15

/* Of the gateway, and not about the result. */
#define API_KEY "apikey"

/* The path without the prefix that Supabase's gateway would take away. */
bool
rpc_query_function(const char *path, struct slice *name)
{
	struct slice whole = slice_text(path);
	struct slice rest;

	return slice_after(slice_after(whole, SLICE(GATEWAY_PREFIX), &rest) ? rest : whole,
					   SLICE(RPC_PREFIX), name);
}

struct reader
{
	const char *name;
	bool (*read)(struct rpc_query *query, struct slice text);
};

/* What follows a column's name and is not of this world. */
static bool
refuse_more(struct rpc_query *query, struct slice text)
{
	return rpc_query_not_done(query, "Only columns are selected and ordered", text);
}

/* "column" or "alias:column" */
static bool
read_column(struct rpc_query *query, struct slice *text)
{
	const struct slice whole = *text;
	struct buffer	   alias = {0};
	bool			   good;

	if (rpc_take(text, SLICE("*")))
	{
		buffer_append_byte(&query->columns, '*');
		return true;
	}
	good = rpc_take_name(text, &alias);
	if (good && text->length > 1 && text->data[0] == ':' && text->data[1] != ':')
	{
		rpc_take(text, SLICE(":"));
		good = rpc_take_name(text, &query->columns);
		buffer_append_text(&query->columns, " AS ");
	}
	buffer_append(&query->columns, buffer_slice(&alias));
	buffer_free(&alias);
	return good || rpc_query_malformed(query, "This is no name of a column", whole);
}

static bool
read_select(struct rpc_query *query, struct slice text)
{
	if (text.length == 0)
		return true;
	for (;;)
	{
		if (!read_column(query, &text))
			return false;
		while (rpc_take(&text, SLICE(" ")))
			;
		if (text.length == 0)
			return true;
		if (!rpc_take(&text, SLICE(",")))
			return refuse_more(query, text);
		buffer_append_text(&query->columns, ", ");
	}
}

/* "column.desc.nullslast", of which all but the column may be missing */
static bool
read_order_term(struct rpc_query *query, struct slice *text)
{
	const struct slice whole = *text;

	if (!rpc_take_name(text, &query->order))
		return rpc_query_malformed(query, "This is no name of a column", whole);
	if (rpc_take(text, SLICE(".asc")))
		buffer_append_text(&query->order, " ASC");
	else if (rpc_take(text, SLICE(".desc")))
		buffer_append_text(&query->order, " DESC");
	if (rpc_take(text, SLICE(".nullsfirst")))
		buffer_append_text(&query->order, " NULLS FIRST");
	else if (rpc_take(text, SLICE(".nullslast")))
		buffer_append_text(&query->order, " NULLS LAST");
	return true;
}

static bool
read_order(struct rpc_query *query, struct slice text)
{
	for (;;)
	{
		if (!read_order_term(query, &text))
			return false;
		if (text.length == 0)
			return true;
		if (!rpc_take(&text, SLICE(",")))
			return refuse_more(query, text);
		buffer_append_text(&query->order, ", ");
	}
}

static bool
read_number(struct rpc_query *query, struct slice text, uint64_t *number)
{
	char digits[DIGITS_MAX + 1] = {0};

	if (text.length > 1 && *text.data == '-' && strspn(text.data + 1, "0123456789") == text.length - 1)
	{
		query->problem = (struct rpc_problem){
			416, "PGRST103", "Requested range not satisfiable",
			"Limit and offset should be greater than or equal to zero."};
		return false;
	}
	if (text.length == 0 || text.length > DIGITS_MAX)
		return rpc_query_malformed(query, "This is no number of rows", text);
	memcpy(digits, text.data, text.length);
	if (strspn(digits, "0123456789") != text.length)
		return rpc_query_malformed(query, "This is no number of rows", text);
	*number = strtoull(digits, NULL, 10);
	return true;
}

static bool
read_limit(struct rpc_query *query, struct slice text)
{
	return read_number(query, text, &query->limit);
}

static bool
read_offset(struct rpc_query *query, struct slice text)
{
	return read_number(query, text, &query->offset);
}

static bool
refuse_logic(struct rpc_query *query, struct slice text)
{
	return rpc_query_not_done(query, "Filters are not nested", text);
}

static bool
refuse_columns(struct rpc_query *query, struct slice text)
{
	return rpc_query_not_done(query, "Arguments are not selected", text);
}

static bool
ignore(struct rpc_query *query, struct slice text)
{
	(void) query;
	(void) text;
	return true;
}

static const struct reader readers[] = {
	{"select", read_select}, {"order", read_order}, {"limit", read_limit}, {"offset", read_offset}, {"and", refuse_logic}, {"or", refuse_logic}, {"columns", refuse_columns}, {"on_conflict", refuse_columns}, {API_KEY, ignore}};

/* A filter; or, if it may be one, an argument of the function. */
static bool
read_other(struct rpc_query *query, struct slice name, struct slice value, bool arguments)
{
	switch (rpc_filter_add(query, name, value))
	{
		case RPC_FILTER_GOOD:
			return true;
		case RPC_FILTER_BAD:
			return false;
		default:
			break;
	}
	if (!arguments)
		return rpc_query_malformed(query, "This filter has no operator (eq, gt, ...)", value);
	if (json_object_setn_new(query->arguments, name.data, name.length,
							 json_stringn(value.data, value.length)) != 0)
		return rpc_query_malformed(query, "This is not UTF-8", SLICE(""));
	return true;
}

static bool
read_one(struct rpc_query *query, struct slice text, bool arguments)
{
	const char	*equal = memchr(text.data, '=', text.length);
	const size_t length = equal != NULL ? (size_t) (equal - text.data) : text.length;
	struct slice name = slice_of(text.data, length);
	struct slice value = equal != NULL ? slice_of(equal + 1, text.length - length - 1) : SLICE("");

	for (unsigned i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
	{
		if (slice_equal(name, slice_text(readers[i].name)))
			return readers[i].read(query, value);
	}
	return read_other(query, name, value, arguments);
}

static bool
read_all(struct rpc_query *query, struct slice text, bool arguments)
{
	while (text.length > 0)
	{
		const size_t length = strnlen(text.data, text.length);

		if (length > 0 && !read_one(query, slice_of(text.data, length), arguments))
			return false;
		text = slice_of(text.data + length + 1, text.length - length - 1);
	}
	return true;
}

/* The next of those between commas, without the spaces around it. */
static bool
take_listed(const char **list, struct slice *one)
{
	if (*list == NULL)
		return false;
	*list += strspn(*list, ", \t");
	*one = slice_of(*list, strcspn(*list, ","));
	*list += one->length;
	while (one->length > 0 && strchr(" \t", one->data[one->length - 1]) != NULL)
		one->length--;
	return one->length > 0;
}

/* The media type without what is after its semicolon. */
static bool
is_type(struct slice range, const char *type)
{
	const char *end = memchr(range.data, ';', range.length);

	if (end != NULL)
		range.length = (size_t) (end - range.data);
	return range.length == strlen(type) && strncasecmp(range.data, type, range.length) == 0;
}

/* The first that we have is taken, whatever their weights. */
static bool
read_accept(struct rpc_query *query, const char *accept)
{
	const char	*list = accept;
	struct slice range;

	while (take_listed(&list, &range))
	{
		query->object = is_type(range, "application/vnd.pgrst.object+json") ||
						is_type(range, "application/vnd.pgrst.object");
		if (query->object || is_type(range, "application/json") || is_type(range, "*/*") ||
			is_type(range, "application/*") || is_type(range, "application/vnd.pgrst.array+json"))
			return true;
	}
	if (accept == NULL)
		return true;
	rpc_query_malformed(query, "None of these media types are available", slice_text(accept));
	query->problem.status = 406;
	query->problem.code = "PGRST107";
	query->problem.message = "None of these media types are available";
	return false;
}

/* What is asked for strictly must be known; anything else may be passed over. */
static bool
read_prefer(struct rpc_query *query, const char *prefer)
{
	static const char *const known[] = {"count=exact", "count=planned", "count=estimated", "handling=strict", "handling=lenient", "return=representation", "return=minimal", "return=headers-only"};
	const char				*list = prefer;
	struct slice			 unknown = {0};
	struct slice			 one;
	struct slice			 rest;
	bool					 strict = false;

	while (take_listed(&list, &one))
	{
		bool is_known = false;

		for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known = is_known || slice_equal(one, slice_text(known[i]));
		if (!is_known && unknown.data == NULL)
			unknown = one;
		strict = strict || slice_equal(one, SLICE("handling=strict"));
		query->count = query->count || (is_known && slice_after(one, SLICE("count="), &rest));
	}
	if (!strict || unknown.data == NULL)
		return true;
	rpc_query_malformed(query, "Invalid preferences", unknown);
	query->problem.code = "PGRST122";
	query->problem.message = "Invalid preferences given with handling=strict";
	return false;
}

bool
rpc_query_read(struct rpc_query *query, const struct http_request *request)
{
	*query = (struct rpc_query){.limit = UINT64_MAX, .arguments = json_object()};
	return read_accept(query, request->accept) && read_prefer(query, request->prefer) &&
		   read_all(query, buffer_slice(&request->query), request->method != HTTP_POST);
}

void
rpc_query_free(struct rpc_query *query)
{
	buffer_free(&query->columns);
	buffer_free(&query->filters);
	buffer_free(&query->order);
	for (int i = 0; i < query->value_count; i++)
		free(query->values[i]);
	json_decref(query->arguments);
	*query = (struct rpc_query){0};
}

bool
rpc_query_names_columns(const struct rpc_query *query)
{
	return query->columns.length > 0 || query->filters.length > 0 || query->order.length > 0;
}
