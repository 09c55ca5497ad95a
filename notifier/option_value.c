/*
 * option_value.c
 *		How the value of an option is read, by its type.
 */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exit_codes.h"
#include "memory.h"
#include "options_table.h"

#define SECRET_MAX_BYTES  4096
#define CONTENT_MAX_BYTES 262144
#define UNIX_PREFIX		  "unix:"
#define UNIX_PATH_MAX	  107

static bool
refuse(char problem[PROBLEM_MAX_BYTES], const char *reason)
{
	snprintf(problem, PROBLEM_MAX_BYTES, "%s", reason);
	return false;
}

static bool
read_text(char **place, const char *text)
{
	*place = *text != '\0' ? memory_copy(text, strlen(text)) : NULL;
	return true;
}

/* Its real path, so that nothing that is found in it can be elsewhere. */
static bool
read_directory(char **place, const char *text, char *problem)
{
	int directory;

	if (*text == '\0')
		return true;
	directory = open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0)
	{
		close(directory);
		*place = realpath(text, NULL);
	}
	if (*place != NULL)
		return true;
	snprintf(problem, PROBLEM_MAX_BYTES, "directory \"%s\": %s", text, strerror(errno));
	return false;
}

static bool
read_conninfo(char **place, const char *text, char *problem)
{
	char			 *wrong = NULL;
	PQconninfoOption *parsed = PQconninfoParse(text, &wrong);

	if (parsed == NULL)
	{
		refuse(problem, wrong != NULL ? wrong : "out of memory");
		PQfreemem(wrong);
		return false;
	}
	PQconninfoFree(parsed);
	*place = memory_copy(text, strlen(text));
	return true;
}

static bool
read_unix_address(struct address *address, const char *path, char *problem)
{
	if (path[0] != '/' || strlen(path) > UNIX_PATH_MAX)
		return refuse(problem, "the path of a unix socket must begin with / and have at most 107 bytes");
	address->path = memory_copy(path, strlen(path));
	return true;
}

/* The last colon is before the port; IPv6 addresses are in brackets. */
static bool
read_address(struct address *address, const char *text, char *problem)
{
	const char	*colon = strrchr(text, ':');
	const char	*host = text;
	struct slice rest;
	size_t		 length;

	if (*text == '\0')
		return true;
	if (slice_after(slice_text(text), SLICE(UNIX_PREFIX), &rest))
		return read_unix_address(address, rest.data, problem);
	refuse(problem, "must be HOST:PORT, such as 127.0.0.1:4000, or unix:PATH");
	if (colon == NULL || colon == text || colon[1] == '\0' ||
		strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
		strlen(colon + 1) > 5 || strtol(colon + 1, NULL, 10) > 65535)
		return false;
	length = (size_t) (colon - text);
	if (host[0] == '[' && host[length - 1] == ']')
	{
		host++;
		length -= 2;
	}
	else if (memchr(host, ':', length) != NULL)
		return false;
	address->host = memory_copy(host, length);
	address->port = memory_copy(colon + 1, strlen(colon + 1));
	return true;
}

static bool
read_secret(struct slice *secret, const char *text, char *problem)
{
	if (text[0] != '@')
	{
		if (*text != '\0')
			*secret = slice_of(memory_copy(text, strlen(text)), strlen(text));
		return true;
	}
	if (!file_read(text + 1, SECRET_MAX_BYTES, true, secret, problem))
		return false;
	/* An editor's line end is no part of it. */
	while (secret->length > 0 && strchr("\r\n", secret->data[secret->length - 1]) != NULL)
		secret->length--;
	if (secret->length > 0)
		return true;
	snprintf(problem, PROBLEM_MAX_BYTES, "file \"%s\" is empty", text + 1);
	return false;
}

static bool
read_content(struct slice *content, const char *path, char *problem)
{
	return *path == '\0' ||
		   file_read(path, CONTENT_MAX_BYTES, true, content, problem);
}

static bool
read_number(const struct option *option, uint64_t *number, const char *text,
			char *problem)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' &&
		*number >= option->lowest && *number <= option->highest)
		return true;
	snprintf(problem, PROBLEM_MAX_BYTES, "must be a number from %llu to %llu",
			 (unsigned long long) option->lowest,
			 (unsigned long long) option->highest);
	return false;
}

static bool
read_switch(bool *place, const char *text, char *problem)
{
	*place = strcmp(text, "on") == 0;
	return *place || strcmp(text, "off") == 0 || refuse(problem, "must be on or off");
}

static bool
read_level(enum log_level *level, const char *text, char *problem)
{
	return log_level_parse(text, level) ||
		   refuse(problem, "must be error, warning, info or debug");
}

int
option_apply(const struct option *option, struct options *options,
			 const char *text, char problem[PROBLEM_MAX_BYTES])
{
	void *place = (char *) options + option->offset;
	bool  good = true;

	switch (option->type)
	{
		case OPTION_ACTION:
			break;
		case OPTION_TEXT:
			good = read_text(place, text);
			break;
		case OPTION_DIRECTORY:
			good = read_directory(place, text, problem);
			break;
		case OPTION_CONNINFO:
			good = read_conninfo(place, text, problem);
			return good ? EXIT_CODE_OK : EXIT_CODE_DATABASE;
		case OPTION_ADDRESS:
			good = read_address(place, text, problem);
			break;
		case OPTION_SECRET:
			good = read_secret(place, text, problem);
			break;
		case OPTION_CONTENT:
			good = read_content(place, text, problem);
			break;
		case OPTION_NUMBER:
			good = read_number(option, place, text, problem);
			break;
		case OPTION_SWITCH:
			good = read_switch(place, text, problem);
			break;
		case OPTION_LEVEL:
			good = read_level(place, text, problem);
			break;
	}
	return good ? EXIT_CODE_OK : EXIT_CODE_CONFIGURATION;
}

void
option_release(const struct option *option, struct options *options)
{
	void		   *place = (char *) options + option->offset;
	struct address *address = place;

	switch (option->type)
	{
		case OPTION_TEXT:
		case OPTION_DIRECTORY:
		case OPTION_CONNINFO:
			free(*(char **) place);
			break;
		case OPTION_ADDRESS:
			free(address->host);
			free(address->port);
			free(address->path);
			break;
		case OPTION_SECRET:
		case OPTION_CONTENT:
			file_forget(place);
			break;
		default:
			break;
	}
}
