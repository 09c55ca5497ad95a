/*
 * unit_options.c
 *		Does each option get the right value, from whoever may give it?
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_codes.h"
#include "options.h"
#include "options_table.h"

/* Read options from these arguments, which end with NULL; an exit code. */
static int
read_options(struct options *options, struct option_flags *flags, char *const given[])
{
	char *argv[16] = {"harthio-notifier"};
	char  copies[16][256];
	int	  argc = 1;

	for (; given[argc - 1] != NULL; argc++)
	{
		snprintf(copies[argc], sizeof(copies[argc]), "%s", given[argc - 1]);
		argv[argc] = copies[argc];
	}
	*options = (struct options){0};
	if (!options_parse_arguments(flags, argc, argv))
		return EXIT_CODE_USAGE;
	return options_read(options, flags);
}

static int
exit_code_of(char *const given[])
{
	struct options		options;
	struct option_flags flags;
	int					exit_code = read_options(&options, &flags, given);

	options_free(&options);
	options_free_flags(&flags);
	return exit_code;
}

/* A file with these bytes; its name is good until the next call. */
static char *
file_with_bytes(struct slice text)
{
	static char path[64];
	int			fd;

	snprintf(path, sizeof(path), "/tmp/harthio-unit-XXXXXX");
	fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, text.data, text.length) == (ssize_t) text.length);
	close(fd);
	return path;
}

static char *
file_with(const char *text)
{
	return file_with_bytes(slice_text(text));
}

static bool
is(const char *text, const char *expected)
{
	return text != NULL && strcmp(text, expected) == 0;
}

#define SECRET "--jwt-secret", "0123456789abcdef0123456789abcdef"

static void
test_defaults(void)
{
	struct options		options;
	struct option_flags flags;

	CHECK(read_options(&options, &flags, (char *[]){SECRET, NULL}) == EXIT_CODE_OK);
	CHECK(is(options.listen.host, "127.0.0.1"));
	CHECK(is(options.listen.port, "4000"));
	CHECK(options.listen.path == NULL && options.internal.port == NULL);
	CHECK(options.limits.message_bytes == 5000000);
	CHECK(options.tls_key == NULL && options.jwks.data == NULL);
	CHECK(!options.allow_superuser && options.log_level == LOG_LEVEL_INFO);
	options_free(&options);
	options_free_flags(&flags);
}

/* A flag beats the environment, which beats the file. */
static void
test_precedence(void)
{
	struct options		options;
	struct option_flags flags;
	char			   *path = file_with("# a comment\n\n  listen = unix:/a b \r\n"
													   "max-channels=7\nmax-lag-ms = 100\njwt-issuer = a = b\n");

	setenv("HARTHIO_MAX_CHANNELS", "8", 1);
	setenv("HARTHIO_MAX_LAG_MS", "200", 1);
	CHECK(read_options(&options, &flags, (char *[]){SECRET, "--config", path, "--max-lag-ms=300", NULL}) == EXIT_CODE_OK);
	CHECK(is(options.listen.path, "/a b"));
	CHECK(options.limits.channels == 8);
	CHECK(options.max_lag_ms == 300);
	CHECK(is(options.jwt_issuer, "a = b"));
	unsetenv("HARTHIO_MAX_CHANNELS");
	unsetenv("HARTHIO_MAX_LAG_MS");
	options_free(&options);
	options_free_flags(&flags);
	unlink(path);
}

static void
check_config(const char *text, int expected)
{
	char *path = file_with(text);

	CHECK(exit_code_of((char *[]){SECRET, "--config", path, NULL}) == expected);
	unlink(path);
}

/* Nothing of a file is left out silently. */
static void
test_config_with_nul(void)
{
	char *path = file_with_bytes(SLICE("max-channels = 5\nlog-level = info\0\njwt-issuer = a\n"));

	CHECK(exit_code_of((char *[]){SECRET, "--config", path, NULL}) == EXIT_CODE_CONFIGURATION);
	unlink(path);
	path = file_with_bytes(SLICE("# a\0b\nmax-chanels = 5\n"));
	CHECK(exit_code_of((char *[]){SECRET, "--config", path, NULL}) == EXIT_CODE_CONFIGURATION);
	unlink(path);
}

static void
test_config_files(void)
{
	test_config_with_nul();
	check_config("", EXIT_CODE_OK);
	check_config("max-channels = 5", EXIT_CODE_OK);
	check_config("max-channels = 5\nmax-channels = 5\n", EXIT_CODE_CONFIGURATION);
	check_config("max-chanels = 5\n", EXIT_CODE_CONFIGURATION);
	check_config("config = /dev/null\n", EXIT_CODE_CONFIGURATION);
	check_config("help = 1\n", EXIT_CODE_CONFIGURATION);
	check_config("max-channels\n", EXIT_CODE_CONFIGURATION);
	check_config("= 5\n", EXIT_CODE_CONFIGURATION);
	CHECK(exit_code_of((char *[]){SECRET, "--config", "/nonexistent", NULL}) == EXIT_CODE_CONFIGURATION);
	CHECK(exit_code_of((char *[]){SECRET, "--config", "/", NULL}) == EXIT_CODE_CONFIGURATION);
}

static void
check_value(const char *flag, const char *value, bool good)
{
	char argument[512];

	snprintf(argument, sizeof(argument), "%s=%s", flag, value);
	CHECK((exit_code_of((char *[]){SECRET, argument, NULL}) == EXIT_CODE_OK) == good);
}

static void
test_values(void)
{
	char long_path[200] = "unix:/";

	check_value("--max-channels", "1", true);
	check_value("--max-channels", "100000", true);
	check_value("--max-channels", "0", false);
	check_value("--max-channels", "100001", false);
	check_value("--max-channels", "-1", false);
	check_value("--max-channels", " 1", false);
	check_value("--max-channels", "1x", false);
	check_value("--max-channels", "", false);
	check_value("--max-channels", "99999999999999999999999", false);
	check_value("--allow-superuser", "on", true);
	check_value("--allow-superuser", "yes", false);
	check_value("--listen", "[::1]:0", true);
	check_value("--listen", "unix:relative", false);
	check_value("--listen", "", false);
	memset(long_path + 6, 'x', 120);
	check_value("--listen", long_path, false);
	check_value("--internal-listen", "", true);
	check_value("--tls-key", "/x", false);
	check_value("--jwks", "/nonexistent", false);
	check_value("--help", "x", false);
}

/* Whoever lists the processes shall not read them. */
static void
test_hiding(void)
{
	char				secret[] = "--jwt-secret=0123456789abcdef0123456789abcdef";
	char				listen[] = "--listen=127.0.0.1:1";
	char			   *argv[] = {"harthio-notifier", secret, listen, NULL};
	struct option_flags flags;

	CHECK(options_parse_arguments(&flags, 3, argv));
	CHECK(strcmp(secret, "--jwt-secret=") == 0);
	CHECK(strcmp(listen, "--listen=127.0.0.1:1") == 0);
	options_free_flags(&flags);
}

static void
test_table(void)
{
	for (size_t i = 0; i < options_table_size; i++)
	{
		const struct option *option = &options_table[i];
		char				 variable[OPTION_NAME_MAX];

		CHECK(strlen(option->name) + sizeof("HARTHIO_") <= OPTION_NAME_MAX);
		CHECK(option_find(slice_text(option->name)) == option);
		CHECK((option->value_name == NULL) == (option->type == OPTION_ACTION));
		option_variable(option, variable);
		CHECK(strncmp(variable, "HARTHIO_", 8) == 0 && strchr(variable, '-') == NULL);
	}
	CHECK(strcmp(option_nearest("lissten"), "listen") == 0);
}

void
test_options(void)
{
	test_defaults();
	test_precedence();
	test_config_files();
	test_values();
	test_hiding();
	test_table();
}
