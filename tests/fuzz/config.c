/*
 * config.c
 *		The operator's word: "f" and a file of settings, or "a" and arguments, a
 *		line each.
 *
 * What is accepted is within its limits and reads the same when given once more,
 * every setting as a flag; and no secret stays among the arguments.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exit_codes.h"
#include "log.h"
#include "memory.h"
#include "options_table.h"

#define ARGUMENTS_MAX 64

static char *config_flag; /* --config=, and the file that holds the input */
static int	 config_file;

int
LLVMFuzzerInitialize(const int *argc, char ***argv)
{
	char variable[OPTION_NAME_MAX];

	(void) argc;
	(void) argv;
	log_set_level(LOG_LEVEL_ERROR);
	for (size_t i = 0; i < options_table_size; i++)
	{
		option_variable(&options_table[i], variable);
		unsetenv(variable);
	}
	config_file = memfd_create("config", 0);
	CHECK(config_file >= 0);
	CHECK(asprintf(&config_flag, "--config=/proc/self/fd/%d", config_file) > 0);
	return 0;
}

static int
read_options(struct options *options, int argc, char **argv)
{
	struct option_flags flags = {0};
	int					exit_code = EXIT_CODE_USAGE;

	*options = (struct options){0};
	if (options_parse_arguments(&flags, argc, argv))
		exit_code = options_read(options, &flags);
	options_free_flags(&flags);
	return exit_code;
}

static void
check_address(const struct address *address)
{
	if (address->path != NULL)
		CHECK(address->path[0] == '/' && address->host == NULL && address->port == NULL);
	else
		CHECK((address->host == NULL) == (address->port == NULL));
	if (address->port != NULL)
		CHECK(*address->port != '\0' && strtol(address->port, NULL, 10) <= UINT16_MAX);
}

static void
check_values(const struct options *options)
{
	for (size_t i = 0; i < options_table_size; i++)
	{
		const struct option *option = &options_table[i];
		const void			*place = (const char *) options + option->offset;

		if (option->type == OPTION_NUMBER)
			CHECK(*(const uint64_t *) place >= option->lowest &&
				  *(const uint64_t *) place <= option->highest);
		if (option->type == OPTION_ADDRESS)
			check_address(place);
	}
	CHECK(options->jwt_secret.length + options->jwks.length > 0);
	CHECK((options->tls_certificate == NULL) == (options->tls_key == NULL));
	CHECK(options->log_level <= LOG_LEVEL_DEBUG);
}

/* Give every setting once more, as a flag, and see that all are as they were. */
static void
check_again(const struct options *options)
{
	struct options again;
	char		  *argv[ARGUMENTS_MAX] = {0};
	int			   argc = 1;

	for (size_t i = 0; i < options_table_size; i++)
	{
		if (options_table[i].type == OPTION_ACTION || &options_table[i] == option_find(SLICE("config")))
			continue;
		CHECK(asprintf(&argv[argc], "--%s=%s", options_table[i].name, options->given[i].text) > 0);
		argc++;
	}
	CHECK(read_options(&again, argc, argv) == EXIT_CODE_OK);
	for (size_t i = 0; i < options_table_size; i++)
	{
		const bool same = options_table[i].type == OPTION_ACTION ||
						  &options_table[i] == option_find(SLICE("config")) ||
						  strcmp(options->given[i].text, again.given[i].text) == 0;

		CHECK(same);
	}
	CHECK(slice_equal(options->jwt_secret, again.jwt_secret));
	CHECK(memcmp(&options->limits, &again.limits, sizeof(again.limits)) == 0);
	options_free(&again);
	while (--argc > 0)
		free(argv[argc]);
}

static int
test_arguments(int argc, char **argv)
{
	struct options options;
	const int	   exit_code = read_options(&options, argc, argv);

	CHECK(exit_code == EXIT_CODE_OK || exit_code == EXIT_CODE_USAGE ||
		  exit_code == EXIT_CODE_CONFIGURATION || exit_code == EXIT_CODE_DATABASE);
	if (exit_code == EXIT_CODE_OK)
	{
		check_values(&options);
		check_again(&options);
	}
	options_free(&options);
	return exit_code;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The lines that are settings, none of which holds a NUL. */
static size_t
count_settings(struct slice text)
{
	size_t count = 0;

	while (text.length > 0)
	{
		struct slice line = fuzz_take_line(&text);

		while (line.length > 0 && is_space(*line.data))
			line = slice_of(line.data + 1, line.length - 1);
		if (line.length == 0 || *line.data == '#')
			continue;
		CHECK(memchr(line.data, '\0', line.length) == NULL);
		count++;
	}
	return count;
}

/* A file that is accepted was read to its end: no setting in it is lost. */
static void
check_all_taken(const struct option_given *given, size_t settings)
{
	size_t taken = 0;

	for (size_t i = 0; i < options_table_size; i++)
		taken += given[i].source != NULL && strcmp(given[i].source, "file") == 0;
	CHECK(taken == settings);
}

static void
test_file(struct slice text)
{
	char		  *argv[] = {NULL, config_flag};
	struct options options;

	CHECK(ftruncate(config_file, 0) == 0);
	CHECK(pwrite(config_file, text.data, text.length, 0) == (ssize_t) text.length);
	if (read_options(&options, 2, argv) == EXIT_CODE_OK)
		check_all_taken(options.given, count_settings(text));
	options_free(&options);
	test_arguments(2, argv);
}

/* Is nothing left of a secret that was in these arguments? */
static void
check_hidden(int argc, char **argv, const size_t lengths[])
{
	const size_t name = strlen("--jwt-secret=");

	for (int i = 1; i < argc; i++)
	{
		if (strncmp(argv[i], "--jwt-secret=", name) != 0)
			continue;
		for (size_t at = name; at < lengths[i]; at++)
			CHECK(argv[i][at] == '\0');
	}
}

static void
test_flags(struct slice text)
{
	char  *argv[ARGUMENTS_MAX] = {0};
	size_t lengths[ARGUMENTS_MAX] = {0};
	int	   argc = 1;

	while (text.length > 0 && argc < ARGUMENTS_MAX)
	{
		struct slice line = fuzz_take_line(&text);

		lengths[argc] = strnlen(line.data, line.length);
		argv[argc++] = memory_copy(line.data, line.length);
	}
	if (test_arguments(argc, argv) == EXIT_CODE_OK)
		check_hidden(argc, argv, lengths);
	while (--argc > 0)
		free(argv[argc]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text;

	/* what an "@" begins is some file of this machine */
	if (size == 0 || memchr(data, '@', size) != NULL || memmem(data, size, "jwks", 4) != NULL ||
		memmem(data, size, "api-keys", 8) != NULL)
		return -1;
	text = slice_of((const char *) data + 1, size - 1);
	if (*data == 'f')
		test_file(text);
	else if (*data == 'a')
		test_flags(text);
	else
		return -1;
	return 0;
}
