/*
 * rpc.c
 *		Calls of functions: the method ("p", "g") and the path, Accept, Prefer,
 *		the query and the body, a line each.
 *
 * Whatever is asked, the SQL is made of our own words, and a client's names in
 * quotes; what is refused is answered in JSON, with a code.
 */
#include <ctype.h>
#include <stdlib.h>

#include "fuzz.h"
#include "json_scan.h"
#include "memory.h"
#include "rpc_catalog.h"
#include "rpc_error.h"
#include "rpc_filter.h"
#include "rpc_statement.h"

/* What the database said that there is. */
static const char catalog_text[] =
	"[{\"name\":\"films\",\"in\":\"public\",\"schema\":\"public\",\"call\":\"public.films\",\"set\":true,\"reads\":true,"
	"\"void\":false,\"composite\":true,\"arguments\":[]},"
	"{\"name\":\"add\",\"in\":\"other\",\"schema\":\"other\",\"call\":\"other.add\",\"set\":false,\"reads\":true,"
	"\"void\":false,\"composite\":false,\"arguments\":[{\"name\":\"a\",\"quoted\":\"a\",\"type\":\"integer\",\"required\":true},"
	"{\"name\":\"b c\",\"quoted\":\"\\\"b c\\\"\",\"type\":\"text\",\"required\":false}]},"
	"{\"name\":\"nothing\",\"in\":\"public\",\"schema\":\"public\",\"call\":\"public.nothing\",\"set\":false,\"reads\":false,"
	"\"void\":true,\"composite\":false,\"arguments\":[{\"name\":\"j\",\"quoted\":\"j\",\"type\":\"jsonb\",\"required\":true}]}]";

/* All words outside quotes that a statement has, besides the types' names. */
static const char words[] =
	" WITH SELECT FROM AS WHERE AND NOT IS NULL TRUE FALSE UNKNOWN DISTINCT ANY LIKE ILIKE LATERAL ORDER BY ASC DESC NULLS"
	" FIRST LAST LIMIT OFFSET CASE WHEN THEN ELSE END coalesce found called page one given pg_catalog json_to_record"
	" json_agg count to_json json text int4 integer jsonb public other films add nothing a j ";

static struct rpc_catalog catalog;

/* Instead of http.c, which sends: the answer stays in the request. */
void
http_answer(struct http_request *request, unsigned status, struct slice json)
{
	CHECK(request->status == 0);
	request->status = status;
	buffer_append(&request->answer, json);
}

void
http_add_header(struct http_request *request, const char *name, const char *value)
{
	(void) request;
	CHECK(name[strlen(name) - 1] == ':');
	CHECK(strpbrk(value, "\r\n") == NULL);
}

int
LLVMFuzzerInitialize(const int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	rpc_catalog_init(&catalog, "films,other.add, nothing");
	rpc_catalog_take(&catalog, catalog_text);
	CHECK(json_array_size(catalog.functions) == 3);
	return 0;
}

/* The byte after the quoted text that begins here. */
static const char *
skip_quoted(const char *at, const char *end)
{
	const char quote = *at++;

	while (at < end && (*at != quote || (at + 1 < end && at[1] == quote)))
		at += *at == quote ? 2 : 1;
	CHECK(at < end);
	return at + 1;
}

static const char *
skip_word(const char *at, const char *end)
{
	const char *begin = at;
	char		word[32];

	while (at < end && (isalnum((unsigned char) *at) || *at == '_'))
		at++;
	CHECK((size_t) snprintf(word, sizeof(word), " %.*s ", (int) (at - begin), begin) < sizeof(word));
	CHECK(isdigit((unsigned char) *begin) || strstr(words, word) != NULL);
	return at;
}

/* A placeholder is of a value that there is. */
static const char *
skip_placeholder(const char *at, int values)
{
	char	  *end;
	const long number = strtol(at + 1, &end, 10);

	CHECK(number >= 1 && number <= values);
	return end;
}

static void
check_sql(const struct buffer *sql, int values)
{
	const char *at = sql->data;
	const char *end = at + sql->length;
	int			depth = 0;

	CHECK(memchr(sql->data, '\0', sql->length) == NULL);
	while (at < end)
	{
		if (*at == '"' || *at == '\'')
			at = skip_quoted(at, end);
		else if (isalnum((unsigned char) *at) || *at == '_')
			at = skip_word(at, end);
		else if (*at == '$')
			at = skip_placeholder(at, values);
		else
		{
			CHECK(strchr(" .,()*=<>~@&|-:[]", *at) != NULL && strncmp(at, "--", 2) != 0);
			depth += *at == '(' ? 1 : *at == ')' ? -1
												 : 0;
			CHECK(depth >= 0);
			at++;
		}
	}
	CHECK(depth == 0);
}

/* Each is a piece of the query; but lists are arrays, and stars percent signs. */
static void
check_values(const struct rpc_query *query, struct slice text)
{
	for (int i = 0; i < query->value_count; i++)
	{
		const char	*value = query->values[i];
		const size_t length = strlen(value);

		if (length > 0 && *value == '{' && value[length - 1] == '}')
			continue;
		CHECK(strchr(value, '%') != NULL || memmem(text.data, text.length, value, length) != NULL);
	}
}

static void
check_problem(const struct rpc_problem *problem)
{
	static const unsigned statuses[] = {400, 406, 416};
	struct http_request	  request = {.length = 0};
	json_t				 *answer;
	bool				  known = false;

	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		known = known || problem->status == statuses[i];
	CHECK(known);
	rpc_error_answer(&request, problem->status, problem->code, problem->message, problem->details, NULL);
	CHECK(json_scan_valid(buffer_slice(&request.answer)));
	answer = fuzz_json(buffer_slice(&request.answer), NULL);
	CHECK(json_object_size(answer) == 4);
	CHECK(strncmp(json_string_value(json_object_get(answer, "code")), "PGRST", 5) == 0);
	json_decref(answer);
	buffer_free(&request.answer);
}

/* It is called so, and has all that it must and nothing that it must not. */
static void
check_function(const json_t *function, const char *name, json_t *arguments)
{
	size_t	known = 0;
	size_t	i;
	json_t *one;

	CHECK(strcmp(json_string_value(json_object_get(function, "name")), name) == 0);
	json_array_foreach(json_object_get(function, "arguments"), i, one)
	{
		const bool given = json_object_get(arguments, json_string_value(json_object_get(one, "name"))) != NULL;

		known += given;
		CHECK(given || json_is_false(json_object_get(one, "required")));
	}
	CHECK(known == json_object_size(arguments));
}

static void
check_call(const char *name, json_t *arguments, bool literals, const struct rpc_query *query)
{
	struct buffer sql = {0};
	size_t		  count;
	const json_t *function = rpc_catalog_find(&catalog, NULL, name, arguments, &count);

	CHECK((function != NULL) == (count == 1));
	CHECK(count == 0 || rpc_catalog_allows(&catalog, name));
	if (function == NULL)
		return;
	check_function(function, name, arguments);
	if (!rpc_statement_can(function, query))
	{
		CHECK(strcmp(name, "films") != 0);
		return;
	}
	CHECK(strcmp(name, "films") == 0 || !rpc_query_names_columns(query));
	rpc_statement(function, arguments, literals, query, &sql);
	check_sql(&sql, query->value_count + (json_object_size(arguments) > 0));
	buffer_free(&sql);
}

/* "&" is between arguments, as it was when they came. */
static void
take_query(struct slice *input, struct buffer *query)
{
	struct slice line = fuzz_take_line(input);

	for (size_t i = 0; i < line.length; i++)
		buffer_append_byte(query, line.data[i] == '&' ? '\0' : (unsigned char) line.data[i]);
	if (query->length > 0)
		buffer_append_byte(query, '\0');
}

/* A header's value; missing if it is empty. */
static char *
take_header(struct slice *input)
{
	struct slice line = fuzz_take_line(input);

	return line.length > 0 ? memory_copy(line.data, line.length) : NULL;
}

/* The function's name is the end of the path, whatever the gateway left of that. */
static const char *
name_in(const char *path)
{
	struct slice name;
	const char	*end = strncmp(path, "/rest/v1", 8) == 0 ? path + 8 : path;

	if (!rpc_query_function(path, &name))
	{
		CHECK(strncmp(end, "/rpc/", 5) != 0);
		return "films";
	}
	CHECK(strncmp(end, "/rpc/", 5) == 0);
	CHECK(name.data == end + 5 && name.length == strlen(end + 5));
	return name.data;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice		input = slice_of((const char *) data, size);
	struct http_request request = {.method = size > 0 && *data == 'p' ? HTTP_POST : HTTP_GET};
	struct slice		line = fuzz_take_line(&input);
	char			   *path = memory_copy(line.data + (line.length > 0), line.length - (line.length > 0));
	const char		   *name = name_in(path);
	struct rpc_query	query;
	json_t			   *body;

	request.accept = take_header(&input);
	request.prefer = take_header(&input);
	take_query(&input, &request.query);
	body = request.method == HTTP_POST ? json_loadb(input.data, input.length, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (!rpc_query_read(&query, &request))
		check_problem(&query.problem);
	else
	{
		CHECK(query.problem.status == 0);
		CHECK(request.method == HTTP_GET || json_object_size(query.arguments) == 0);
		check_values(&query, buffer_slice(&request.query));
		if (body == NULL || json_is_object(body))
			check_call(name, body != NULL ? body : query.arguments, body == NULL, &query);
	}
	rpc_query_free(&query);
	json_decref(body);
	buffer_free(&request.query);
	free(request.accept);
	free(request.prefer);
	free(path);
	return 0;
}
