/*
 * options.c
 *		What the operator decides: flags, environment, defaults.
 */
#include "options.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "exit_codes.h"
#include "memory.h"

#define ENVIRONMENT_PREFIX "HARTHIO_"
#define NAME_MAX_BYTES	   64
#define ERROR_MAX_BYTES	   256
#define SECRET_MAX_BYTES   4096

/* Put a value where it belongs; returns an exit code, and what is wrong. */
typedef int (*apply_function)(struct options *options, const char *value,
							  char *error);

struct option
{
	const char	  *name;		  /* without the dashes */
	const char	  *value_name;	  /* for --help; NULL: takes no value */
	const char	  *value_default; /* NULL: must be given */
	const char	  *help;		  /* one line */
	apply_function apply;		  /* NULL: only acts, see act() */
	bool		   secret;		  /* must not stay visible in argv */
};

static int apply_database(struct options *options, const char *value, char *error);
static int apply_listen(struct options *options, const char *value, char *error);
static int apply_secret(struct options *options, const char *value, char *error);
static int apply_log_level(struct options *options, const char *value, char *error);

static int apply_public_channels(struct options *options, const char *value, char *error);

/* Each limit has one of its own below. */
static int
apply_number(const char *value, uint64_t lowest, uint64_t highest, uint64_t *number,
			 char *error)
{
	*number = strtoull(value, NULL, 10);
	if (*value != '\0' && strspn(value, "0123456789") == strlen(value) &&
		strlen(value) <= 12 && *number >= lowest && *number <= highest)
		return EXIT_CODE_OK;
	snprintf(error, ERROR_MAX_BYTES, "must be a number from %llu to %llu",
			 (unsigned long long) lowest, (unsigned long long) highest);
	return EXIT_CODE_CONFIGURATION;
}

#define APPLY_LIMIT(field, name, standard, lowest, highest, text)                     \
	static int apply_##field(struct options *options, const char *value, char *error) \
	{                                                                                 \
		return apply_number(value, lowest, highest, &options->limits.field, error);   \
	}
LIMITS(APPLY_LIMIT)

static const struct option table[] = {
	{"database", "CONNINFO", "",
	 "PostgreSQL connection string or URL; empty means libpq's PG* variables",
	 apply_database, true},
	{"listen", "ADDR:PORT", "127.0.0.1:4000",
	 "where to listen, such as [::1]:4000; port 0 picks a free one",
	 apply_listen, false},
	{"jwt-secret", "SECRET|@FILE", NULL,
	 "what tokens are signed with (HS256, HS384, HS512)",
	 apply_secret, true},
	{"log-level", "LEVEL", "info",
	 "error, warning, info or debug",
	 apply_log_level, false},
	{"public-channels", "on|off", "on",
	 "whether topics other than sessions may be joined",
	 apply_public_channels, false},
	{"help", NULL, NULL, "show this, and end", NULL, false},
	{"version", NULL, NULL, "show the version, and end", NULL, false},
#define LIMIT_OPTION(field, name, standard, lowest, highest, text) \
	{name, "NUMBER", #standard, text, apply_##field, false},
	LIMITS(LIMIT_OPTION)};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static int
apply_database(struct options *options, const char *value, char *error)
{
	char			 *wrong = NULL;
	PQconninfoOption *parsed = PQconninfoParse(value, &wrong);

	if (parsed == NULL)
	{
		snprintf(error, ERROR_MAX_BYTES, "%s", wrong != NULL ? wrong : "out of memory");
		PQfreemem(wrong);
		return EXIT_CODE_DATABASE;
	}
	PQconninfoFree(parsed);
	options->database = memory_copy(value, strlen(value));
	return EXIT_CODE_OK;
}

/* The last colon is before the port; IPv6 addresses are in brackets. */
static int
apply_listen(struct options *options, const char *value, char *error)
{
	const char *colon = strrchr(value, ':');
	const char *host = value;
	size_t		length;

	snprintf(error, ERROR_MAX_BYTES, "must be ADDR:PORT, such as 127.0.0.1:4000");
	if (colon == NULL || colon == value || colon[1] == '\0' ||
		strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
		strlen(colon + 1) > 5 || strtol(colon + 1, NULL, 10) > 65535)
		return EXIT_CODE_CONFIGURATION;
	length = (size_t) (colon - value);
	if (host[0] == '[' && host[length - 1] == ']')
	{
		host++;
		length -= 2;
	}
	else if (memchr(host, ':', length) != NULL)
		return EXIT_CODE_CONFIGURATION;
	options->listen_host = memory_copy(host, length);
	options->listen_port = memory_copy(colon + 1, strlen(colon + 1));
	return EXIT_CODE_OK;
}

static int
read_secret_file(struct options *options, const char *path, char *error)
{
	char   bytes[SECRET_MAX_BYTES];
	FILE  *file = fopen(path, "r");
	size_t length;

	if (file == NULL)
	{
		snprintf(error, ERROR_MAX_BYTES, "could not open file \"%s\": %m", path);
		return EXIT_CODE_CONFIGURATION;
	}
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
		length--;
	if (length == 0 || length == sizeof(bytes))
	{
		snprintf(error, ERROR_MAX_BYTES, "file \"%s\" is empty or too long", path);
		return EXIT_CODE_CONFIGURATION;
	}
	options->jwt_secret = slice_of(memory_copy(bytes, length), length);
	explicit_bzero(bytes, sizeof(bytes));
	return EXIT_CODE_OK;
}

static int
apply_secret(struct options *options, const char *value, char *error)
{
	if (value[0] == '@')
		return read_secret_file(options, value + 1, error);
	if (value[0] == '\0')
	{
		snprintf(error, ERROR_MAX_BYTES, "must not be empty");
		return EXIT_CODE_CONFIGURATION;
	}
	options->jwt_secret = slice_of(memory_copy(value, strlen(value)), strlen(value));
	return EXIT_CODE_OK;
}

static int
apply_log_level(struct options *options, const char *value, char *error)
{
	if (log_level_parse(value, &options->log_level))
		return EXIT_CODE_OK;
	snprintf(error, ERROR_MAX_BYTES, "must be error, warning, info or debug");
	return EXIT_CODE_CONFIGURATION;
}

static int
apply_public_channels(struct options *options, const char *value, char *error)
{
	options->public_channels = strcmp(value, "on") == 0;
	if (options->public_channels || strcmp(value, "off") == 0)
		return EXIT_CODE_OK;
	snprintf(error, ERROR_MAX_BYTES, "must be on or off");
	return EXIT_CODE_CONFIGURATION;
}

/* jwt-secret is HARTHIO_JWT_SECRET. */
static void
environment_name(const char *name, char *variable)
{
	size_t used = sizeof(ENVIRONMENT_PREFIX) - 1;

	memcpy(variable, ENVIRONMENT_PREFIX, used);
	for (; *name != '\0'; name++)
		variable[used++] = (char) (*name == '-' ? '_' : toupper((unsigned char) *name));
	variable[used] = '\0';
}

static void
show_help(void)
{
	printf("harthio-notifier: PostgreSQL's session states for Supabase Realtime clients\n\n"
		   "Usage: harthio-notifier [OPTION]...\n\n");
	for (size_t i = 0; i < TABLE_SIZE; i++)
	{
		char				 variable[NAME_MAX_BYTES];
		char				 flag[2 * NAME_MAX_BYTES];
		const struct option *option = &table[i];

		snprintf(flag, sizeof(flag), "--%s %s", option->name,
				 option->value_name != NULL ? option->value_name : "");
		printf("  %-28s %s\n", flag, option->help);
		if (option->value_name == NULL)
			continue;
		environment_name(option->name, variable);
		printf("  %-28s (environment %s; %s%s)\n", "", variable,
			   option->value_default != NULL ? "default " : "required",
			   option->value_default == NULL	? ""
			   : *option->value_default != '\0' ? option->value_default
												: "empty");
	}
	printf("\nExit codes: 0 ended as asked, 1 usage, 2 configuration, 3 cannot listen,\n"
		   "4 hopeless connection string, 5 extension of another version, 70 internal.\n");
}

/* Levenshtein's distance; names are short, so a small table will do. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1];
	size_t length = strnlen(b, NAME_MAX_BYTES);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++)
	{
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= length; j++)
		{
			size_t cost = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			row[j] = cost;
		}
	}
	return row[length];
}

static const char *
nearest_name(const char *given)
{
	const char *nearest = table[0].name;

	for (size_t i = 1; i < TABLE_SIZE; i++)
	{
		if (distance(given, table[i].name) < distance(given, nearest))
			nearest = table[i].name;
	}
	return nearest;
}

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
find_option(const char *argument, char **value)
{
	*value = NULL;
	if (strncmp(argument, "--", 2) != 0)
		return NULL;
	for (size_t i = 0; i < TABLE_SIZE; i++)
	{
		size_t length = strlen(table[i].name);

		if (strncmp(argument + 2, table[i].name, length) != 0)
			continue;
		if (argument[2 + length] == '=')
			*value = (char *) argument + 2 + length + 1;
		if (argument[2 + length] == '=' || argument[2 + length] == '\0')
			return &table[i];
	}
	return NULL;
}

/* Sort the arguments into "values", by place in the table. */
static bool
read_arguments(int argc, char **argv, char *values[TABLE_SIZE])
{
	for (int i = 1; i < argc; i++)
	{
		char				*value;
		const struct option *option = find_option(argv[i], &value);

		if (option == NULL && strncmp(argv[i], "--", 2) == 0)
			return usage_error("unknown option \"%s\"; did you mean \"--%s\"?",
							   argv[i], nearest_name(argv[i] + 2));
		if (option == NULL)
			return usage_error("unexpected argument \"%s\"%s", argv[i], "");
		if (option->value_name == NULL)
			value = argv[i];
		else if (value == NULL && i + 1 < argc)
			value = argv[++i];
		if (value == NULL)
			return usage_error("option \"%s\" needs a value: %s", argv[i],
							   option->value_name);
		values[option - table] = value;
	}
	return true;
}

/* --help and --version. */
static bool
act(char *const values[TABLE_SIZE])
{
	for (size_t i = 0; i < TABLE_SIZE; i++)
	{
		if (table[i].apply != NULL || values[i] == NULL)
			continue;
		if (strcmp(table[i].name, "help") == 0)
			show_help();
		else
			printf("harthio-notifier %s\n", HARTHIO_VERSION);
		return true;
	}
	return false;
}

static int
apply_option(struct options *options, const struct option *option, const char *flag)
{
	char		variable[NAME_MAX_BYTES];
	char		error[ERROR_MAX_BYTES] = "";
	const char *value = flag;
	int			exit_code;

	environment_name(option->name, variable);
	if (value == NULL)
		value = getenv(variable);
	if (value == NULL)
		value = option->value_default;
	if (value == NULL)
	{
		log_error("options", "event=missing option=--%s hint=\"Give --%s or set %s.\"",
				  option->name, option->name, variable);
		return EXIT_CODE_CONFIGURATION;
	}
	exit_code = option->apply(options, value, error);
	if (exit_code != EXIT_CODE_OK)
		log_error("options", "event=invalid option=--%s source=%s reason=%s",
				  option->name, flag != NULL ? "flag" : variable,
				  log_slice(slice_of(error, strcspn(error, "\n"))));
	return exit_code;
}

bool
options_read(struct options *options, int argc, char **argv, int *exit_code)
{
	char *values[TABLE_SIZE] = {NULL};

	*options = (struct options){0};
	*exit_code = EXIT_CODE_USAGE;
	if (!read_arguments(argc, argv, values))
		return false;
	*exit_code = EXIT_CODE_OK;
	if (act(values))
		return false;
	for (size_t i = 0; i < TABLE_SIZE && *exit_code == EXIT_CODE_OK; i++)
	{
		if (table[i].apply != NULL)
			*exit_code = apply_option(options, &table[i], values[i]);
	}
	/* Whoever lists the processes shall not read them. */
	for (size_t i = 0; i < TABLE_SIZE; i++)
	{
		if (table[i].secret && values[i] != NULL)
			explicit_bzero(values[i], strlen(values[i]));
	}
	return *exit_code == EXIT_CODE_OK;
}

void
options_free(struct options *options)
{
	free(options->database);
	free(options->listen_host);
	free(options->listen_port);
	if (options->jwt_secret.data != NULL)
		explicit_bzero((char *) options->jwt_secret.data,
					   options->jwt_secret.length);
	free((char *) options->jwt_secret.data);
	*options = (struct options){0};
}
