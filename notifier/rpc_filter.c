/*
 * rpc_filter.c
 *		Filters of a query string, "column=operator.value", as SQL.
 *
 * The type of a value is not said: PostgreSQL takes it from the column that it is
 * compared with, as it does for PostgREST.
 */
#include "rpc_filter.h"

#include <stdio.h>
#include <strings.h>

#include "memory.h"

#define SHOWN_MAX 100

/* Those that take one value, which may be anything after the dot. */
static const struct
{
	const char *name;
	const char *sql;
} operators[] = {
	{"eq", "="}, {"neq", "<>"}, {"gt", ">"}, {"gte", ">="}, {"lt", "<"}, {"lte", "<="}, {"like", "LIKE"}, {"ilike", "ILIKE"}, {"match", "~"}, {"imatch", "~*"}, {"isdistinct", "IS DISTINCT FROM"}, {"cs", "@>"}, {"cd", "<@"}, {"ov", "&&"}, {"sl", "<<"}, {"sr", ">>"}, {"nxr", "&<"}, {"nxl", "&>"}, {"adj", "-|-"}};

/* PostgREST has these as well. */
static const char *const others[] = {"fts", "plfts", "phfts", "wfts"};

static const char *const truths[] = {"null", "not_null", "true", "false", "unknown"};
static const char *const truths_sql[] = {"NULL", "NOT NULL", "TRUE", "FALSE", "UNKNOWN"};

bool
rpc_query_malformed(struct rpc_query *query, const char *what, struct slice text)
{
	query->problem.status = 400;
	query->problem.code = "PGRST100";
	query->problem.message = "The query cannot be read";
	snprintf(query->problem.details, sizeof(query->problem.details), "%s: %.*s", what,
			 text.length < SHOWN_MAX ? (int) text.length : SHOWN_MAX, text.data);
	return false;
}

bool
rpc_query_not_done(struct rpc_query *query, const char *what, struct slice text)
{
	rpc_query_malformed(query, what, text);
	query->problem.code = "PGRST127";
	query->problem.message = "Feature not implemented";
	return false;
}

bool
rpc_take(struct slice *text, struct slice prefix)
{
	return slice_after(*text, prefix, text);
}

static void
skip(struct slice *text, size_t bytes)
{
	*text = slice_of(text->data + bytes, text->length - bytes);
}

/* Letters are any but those of ASCII that mean something else. */
static bool
is_in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		   c == '_' || c == '$' || c == ' ' || (unsigned char) c >= 0x80;
}

/* Its bytes without spaces around; "a-b" is one, "a->b" is not. */
static struct slice
take_plain(struct slice *text)
{
	struct slice name = {text->data, 0};

	while (name.length < text->length &&
		   (is_in_name(text->data[name.length]) ||
			(text->data[name.length] == '-' && name.length + 1 < text->length &&
			 text->data[name.length + 1] != '>')))
		name.length++;
	skip(text, name.length);
	while (name.length > 0 && name.data[0] == ' ')
		skip(&name, 1);
	while (name.length > 0 && name.data[name.length - 1] == ' ')
		name.length--;
	return name;
}

/* What is between double quotes; a backslash makes the next byte plain. */
static bool
take_quoted(struct slice *text, struct buffer *bytes)
{
	struct slice rest = *text;

	if (!rpc_take(&rest, SLICE("\"")))
		return false;
	while (rest.length > 0 && *rest.data != '"')
	{
		if (*rest.data == '\\')
			skip(&rest, 1);
		if (rest.length == 0)
			return false;
		buffer_append_byte(bytes, (unsigned char) *rest.data);
		skip(&rest, 1);
	}
	if (rest.length == 0)
		return false;
	skip(&rest, 1);
	*text = rest;
	return true;
}

/* The bytes between quotes, those that are special there after "escape". */
static void
append_quoted(struct buffer *sql, struct slice bytes, const char *special, char escape)
{
	buffer_append_byte(sql, '"');
	for (size_t i = 0; i < bytes.length; i++)
	{
		if (strchr(special, bytes.data[i]) != NULL)
			buffer_append_byte(sql, (unsigned char) escape);
		buffer_append_byte(sql, (unsigned char) bytes.data[i]);
	}
	buffer_append_byte(sql, '"');
}

bool
rpc_take_name(struct slice *text, struct buffer *sql)
{
	struct buffer quoted = {0};
	struct slice  name;

	while (rpc_take(text, SLICE(" ")))
		;
	name = take_quoted(text, &quoted) ? buffer_slice(&quoted) : take_plain(text);
	if (name.length > 0)
		append_quoted(sql, name, "\"", '"');
	buffer_free(&quoted);
	return name.length > 0;
}

/* Bind the value, and append its placeholder. */
static bool
add_value(struct rpc_query *query, struct slice value)
{
	char placeholder[16];

	if (query->value_count == RPC_QUERY_VALUES_MAX)
		return rpc_query_not_done(query, "More filters than can be", value);
	query->values[query->value_count++] = memory_copy(value.data, value.length);
	snprintf(placeholder, sizeof(placeholder), "$%d", query->value_count);
	buffer_append_text(&query->filters, placeholder);
	return true;
}

/* A star is what a percent sign is in SQL. */
static bool
add_pattern(struct rpc_query *query, struct slice value)
{
	struct buffer pattern = {0};
	bool		  good;

	for (size_t i = 0; i < value.length; i++)
		buffer_append_byte(&pattern, value.data[i] == '*' ? '%' : (unsigned char) value.data[i]);
	good = add_value(query, buffer_slice(&pattern));
	buffer_free(&pattern);
	return good;
}

static bool
ends_element(struct slice text)
{
	return text.length == 0 || *text.data == ',' || *text.data == ')';
}

/* "(a,"b,c")" as an array of PostgreSQL: {"a","b,c"} */
static bool
append_list(struct slice text, struct buffer *array)
{
	const char *separator = "{";

	if (!rpc_take(&text, SLICE("(")))
		return false;
	if (slice_equal(text, SLICE(")")))
	{
		buffer_append_text(array, "{}");
		return true;
	}
	do
	{
		struct buffer quoted = {0};
		struct slice  element = {text.data, 0};
		struct slice  after = text;

		if (take_quoted(&after, &quoted) && ends_element(after))
		{
			element = buffer_slice(&quoted);
			text = after;
		}
		else
		{
			while (!ends_element(text))
				skip(&text, 1);
			element.length = (size_t) (text.data - element.data);
		}
		buffer_append_text(array, separator);
		append_quoted(array, element, "\"\\", '\\');
		buffer_free(&quoted);
		separator = ",";
	} while (rpc_take(&text, SLICE(",")));
	buffer_append_text(array, "}");
	return slice_equal(text, SLICE(")"));
}

static bool
add_list(struct rpc_query *query, struct slice value)
{
	struct buffer array = {0};
	bool		  good = append_list(value, &array);

	if (!good)
		rpc_query_malformed(query, "This is no list of values", value);
	else
	{
		buffer_append_text(&query->filters, " = ANY (");
		good = add_value(query, buffer_slice(&array));
		buffer_append_text(&query->filters, ")");
	}
	buffer_free(&array);
	return good;
}

static bool
add_truth(struct rpc_query *query, struct slice value)
{
	for (unsigned i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
	{
		if (strlen(truths[i]) == value.length && strncasecmp(truths[i], value.data, value.length) == 0)
		{
			buffer_append_text(&query->filters, " IS ");
			buffer_append_text(&query->filters, truths_sql[i]);
			return true;
		}
	}
	return rpc_query_malformed(query, "This is neither null, not_null, true, false nor unknown", value);
}

static bool
add_compared(struct rpc_query *query, const char *sql, struct slice value)
{
	buffer_append_text(&query->filters, " ");
	buffer_append_text(&query->filters, sql);
	buffer_append_text(&query->filters, " ");
	return strstr(sql, "LIKE") != NULL ? add_pattern(query, value) : add_value(query, value);
}

/* The name before the first dot; "any" or "all" may follow it in parentheses. */
static bool
take_operator(struct slice *text, struct slice *name)
{
	const char *dot = memchr(text->data, '.', text->length);
	const char *open;

	if (dot == NULL)
		return false;
	*name = slice_of(text->data, (size_t) (dot - text->data));
	open = memchr(name->data, '(', name->length);
	if (open != NULL)
		name->length = (size_t) (open - name->data);
	skip(text, (size_t) (dot - text->data) + 1);
	return true;
}

static const char *
operator_sql(struct slice name)
{
	for (unsigned i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
	{
		if (slice_equal(name, slice_text(operators[i].name)))
			return operators[i].sql;
	}
	return NULL;
}

static bool
is_other(struct slice name)
{
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (slice_equal(name, slice_text(others[i])))
			return true;
	}
	return false;
}

/* "column", the operator and the value, which is what is left of the text. */
static bool
add_known(struct rpc_query *query, struct slice name, struct slice text)
{
	if (slice_equal(name, SLICE("in")))
		return add_list(query, text);
	if (slice_equal(name, SLICE("is")))
		return add_truth(query, text);
	return add_compared(query, operator_sql(name), text);
}

static bool
add_column(struct rpc_query *query, struct slice column)
{
	struct slice rest = column;

	if (!rpc_take_name(&rest, &query->filters))
		return rpc_query_malformed(query, "This is no name of a column", column);
	if (rest.length > 0)
		return rpc_query_not_done(query, "Only columns are compared", column);
	return true;
}

enum rpc_filter_kind
rpc_filter_add(struct rpc_query *query, struct slice column, struct slice value)
{
	struct slice text = value;
	const bool	 negated = rpc_take(&text, SLICE("not."));
	const char	*before = text.data;
	struct slice name;
	bool		 good;

	if (!take_operator(&text, &name))
		return RPC_FILTER_NONE;
	if (!slice_equal(name, SLICE("in")) && !slice_equal(name, SLICE("is")) &&
		operator_sql(name) == NULL && !is_other(name))
		return RPC_FILTER_NONE;
	if (is_other(name) || before + name.length + 1 != text.data)
	{
		rpc_query_not_done(query, "This operator is not there", value);
		return RPC_FILTER_BAD;
	}
	buffer_append_text(&query->filters, query->filters.length > 0 ? " AND " : "");
	buffer_append_text(&query->filters, negated ? "NOT (" : "(");
	good = add_column(query, column) && add_known(query, name, text);
	buffer_append_text(&query->filters, ")");
	return good ? RPC_FILTER_GOOD : RPC_FILTER_BAD;
}
