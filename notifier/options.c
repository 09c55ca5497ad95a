/*
 * options.c
 *		What the operator decides: who said what, and whose word counts.
 */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

#include "exit_codes.h"
#include "memory.h"
#include "options_table.h"

#define CONFIG_MAX_BYTES 65536

static bool
usage_error(const char *format, const char *argument, const char *hint)
{
	fprintf(stderr, "harthio-notifier: ");
	fprintf(stderr, format, argument, hint);
	fprintf(stderr, "\nTry \"harthio-notifier --help\".\n");
	return false;
}

/* The option that an argument names, and the value if it is "--name=value". */
static const struct option *
find_flag(char *argument, char **value)
{
	const size_t length = strcspn(argument, "=");

	*value = argument[length] == '=' ? argument + length + 1 : NULL;
	if (length < 2 || strncmp(argument, "--", 2) != 0)
		return NULL;
	return option_find(slice_of(argument + 2, length - 2));
}

/* One flag, which is at argv[*at], and its value, which may be the next one. */
static bool
take_argument(struct option_flags *flags, int argc, char **argv, int *at)
{
	char				*argument = argv[*at];
	char				*value;
	const struct option *option = find_flag(argument, &value);

	if (option == NULL && strncmp(argument, "--", 2) == 0)
		return usage_error("unknown option \"%s\"; did you mean \"--%s\"?",
						   argument, option_nearest(argument + 2));
	if (option == NULL)
		return usage_error("unexpected argument \"%s\"%s", argument, "");
	if (option->value_name == NULL && value != NULL)
		return usage_error("option \"--%s\" takes no value%s", option->name, "");
	if (option->value_name == NULL)
		value = argument;
	else if (value == NULL && *at + 1 < argc)
		value = argv[++*at];
	if (value == NULL)
		return usage_error("option \"%s\" needs a value: %s", argument,
						   option->value_name);
	free(flags->values[option - options_table]);
	flags->values[option - options_table] = memory_copy(value, strlen(value));
	if (option->secret)
		explicit_bzero(value, strlen(value));
	return true;
}

bool
options_parse_arguments(struct option_flags *flags, int argc, char **argv)
{
	flags->values = memory_new(options_table_size * sizeof(*flags->values));
	for (int i = 1; i < argc; i++)
	{
		if (!take_argument(flags, argc, argv, &i))
			return false;
	}
	return true;
}

static void
forget_text(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void
options_free_flags(struct option_flags *flags)
{
	for (size_t i = 0; i < options_table_size; i++)
		forget_text(flags->values[i]);
	free(flags->values);
}

bool
options_asked(const struct option_flags *flags, const char *name)
{
	return flags->values[option_find(slice_text(name)) - options_table] != NULL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice
trim(struct slice text)
{
	while (text.length > 0 && is_space(text.data[0]))
		text = slice_of(text.data + 1, text.length - 1);
	while (text.length > 0 && is_space(text.data[text.length - 1]))
		text.length--;
	return text;
}

static int
config_error(const char *path, unsigned line, const char *reason, const char *hint)
{
	log_error("options", "event=invalid file=%s line=%u reason=%s hint=%s",
			  log_text(path), line, log_text(reason), log_text(hint));
	return EXIT_CODE_CONFIGURATION;
}

/* One line of the file.  What a flag or the environment said is there already. */
static int
take_config_line(struct options *options, struct slice line, unsigned number,
				 bool seen[])
{
	const char			*equals = memchr(line.data, '=', line.length);
	const struct option *option;
	struct slice		 value;
	size_t				 place;
	char				 name[OPTION_NAME_MAX];

	if (equals == NULL)
		return config_error(options->config, number, "not \"name = value\"",
							"Comments are lines that begin with #.");
	if (memchr(line.data, '\0', line.length) != NULL)
		return config_error(options->config, number, "it has a NUL byte in it",
							"A setting ends with its line.");
	value = trim(slice_of(equals + 1, (size_t) (line.data + line.length - equals - 1)));
	line = trim(slice_of(line.data, (size_t) (equals - line.data)));
	snprintf(name, sizeof(name), "%.*s", (int) line.length, line.data);
	option = option_find(line);
	if (option == NULL || option->type == OPTION_ACTION || strcmp(name, "config") == 0)
		return config_error(options->config, number, "no such setting",
							option_nearest(name));
	place = (size_t) (option - options_table);
	if (seen[place])
		return config_error(options->config, number, "set twice", name);
	seen[place] = true;
	if (options->given[place].text == NULL)
	{
		options->given[place].text = memory_copy(value.data, value.length);
		options->given[place].source = "file";
	}
	return EXIT_CODE_OK;
}

static int
take_config_file(struct options *options)
{
	char		 problem[PROBLEM_MAX_BYTES];
	struct slice content;
	bool		*seen;
	unsigned	 number = 0;
	int			 exit_code = EXIT_CODE_OK;

	if (!file_read(options->config, CONFIG_MAX_BYTES, true, &content, problem))
	{
		log_error("options", "event=invalid option=--config reason=%s", log_text(problem));
		return EXIT_CODE_CONFIGURATION;
	}
	seen = memory_new(options_table_size * sizeof(*seen));
	for (struct slice rest = content; rest.length > 0 && exit_code == EXIT_CODE_OK;)
	{
		const char	*end = memchr(rest.data, '\n', rest.length);
		const size_t length = end != NULL ? (size_t) (end - rest.data) : rest.length;
		struct slice line = trim(slice_of(rest.data, length));

		number++;
		if (line.length > 0 && line.data[0] != '#')
			exit_code = take_config_line(options, line, number, seen);
		rest = slice_of(rest.data + length, rest.length - length);
		slice_after(rest, SLICE("\n"), &rest);
	}
	free(seen);
	file_forget(&content);
	return exit_code;
}

static void
take_given(struct options *options, size_t place, const char *text, const char *source)
{
	if (options->given[place].text != NULL || text == NULL)
		return;
	options->given[place].text = memory_copy(text, strlen(text));
	options->given[place].source = source;
}

static void
take_flags_and_environment(struct options *options, const struct option_flags *flags)
{
	char variable[OPTION_NAME_MAX];

	for (size_t i = 0; i < options_table_size; i++)
	{
		if (options_table[i].type == OPTION_ACTION)
			continue;
		option_variable(&options_table[i], variable);
		take_given(options, i, flags->values[i], "flag");
		take_given(options, i, getenv(variable), "environment");
	}
}

static int
apply(struct options *options, size_t place)
{
	char				 problem[PROBLEM_MAX_BYTES] = "";
	char				 variable[OPTION_NAME_MAX];
	const struct option *option = &options_table[place];
	const char			*source = options->given[place].source;
	int					 exit_code;

	exit_code = option_apply(option, options, options->given[place].text, problem);
	if (exit_code == EXIT_CODE_OK)
		return exit_code;
	option_variable(option, variable);
	log_error("options", "event=invalid option=--%s source=%s reason=%s", option->name,
			  strcmp(source, "environment") == 0 ? variable : source,
			  log_slice(slice_of(problem, strcspn(problem, "\n"))));
	return exit_code;
}

static bool
is_given(const struct address *address)
{
	return address->port != NULL || address->path != NULL;
}

/* What each may be has been checked; do they make sense together? */
static int
check_together(const struct options *options)
{
	if (options->jwt_secret.length == 0 && options->jwks.length == 0)
		log_error("options", "event=missing option=--jwt-secret hint=\"Give --jwt-secret "
							 "or --jwks, or set HARTHIO_JWT_SECRET or HARTHIO_JWKS.\"");
	else if ((options->tls_certificate == NULL) != (options->tls_key == NULL))
		log_error("options", "event=missing option=--%s hint=\"TLS needs a certificate and its key.\"",
				  options->tls_key == NULL ? "tls-key" : "tls-certificate");
	else if ((options->operator_pages != NULL || options->operator_role != NULL) &&
			 !is_given(&options->internal))
		log_error("options", "event=missing option=--internal-listen hint=\"The operator's page is served there.\"");
	else if (!is_given(&options->listen))
		log_error("options", "event=invalid option=--listen reason=\"must not be empty\"");
	else
		return EXIT_CODE_OK;
	return EXIT_CODE_CONFIGURATION;
}

int
options_read(struct options *options, const struct option_flags *flags)
{
	const size_t config = (size_t) (option_find(SLICE("config")) - options_table);
	int			 exit_code = EXIT_CODE_OK;

	*options = (struct options){0};
	options->given = memory_new(options_table_size * sizeof(*options->given));
	take_flags_and_environment(options, flags);
	take_given(options, config, options_table[config].standard, "default");
	exit_code = apply(options, config);
	if (exit_code == EXIT_CODE_OK && options->config != NULL)
		exit_code = take_config_file(options);
	for (size_t i = 0; i < options_table_size && exit_code == EXIT_CODE_OK; i++)
	{
		if (i == config || options_table[i].type == OPTION_ACTION)
			continue;
		take_given(options, i, options_table[i].standard, "default");
		exit_code = apply(options, i);
	}
	return exit_code == EXIT_CODE_OK ? check_together(options) : exit_code;
}

void
options_free(struct options *options)
{
	if (options->given == NULL)
		return;
	for (size_t i = 0; i < options_table_size; i++)
	{
		option_release(&options_table[i], options);
		forget_text(options->given[i].text);
	}
	free(options->given);
	*options = (struct options){0};
}

void
options_log_fixed(const struct options *before, const struct options *after)
{
	for (size_t i = 0; i < options_table_size; i++)
	{
		if (!options_table[i].reloadable && options_table[i].type != OPTION_ACTION &&
			strcmp(before->given[i].text, after->given[i].text) != 0)
			log_warning("options", "event=needs_restart option=--%s",
						options_table[i].name);
	}
}
