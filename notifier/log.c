/*
 * log.c
 *		Lines of key=value on stderr.
 *
 * The level is the one global of the program: it is set before the loops start
 * and on SIGHUP.  How many lines clients have caused is counted by each thread
 * for itself.
 */
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

/* Lines that clients cause: so many in a burst, so many a second after it. */
#define CLIENT_LINES_BURST		100.0
#define CLIENT_LINES_PER_SECOND 20.0

/* So often the log says how many it left out. */
#define SUMMARY_SECONDS 1.0

static _Atomic enum log_level current_level = LOG_LEVEL_INFO;

/* What is left of the budget for lines that clients cause. */
static _Thread_local struct
{
	double	 lines;		 /* that may be written now */
	double	 at;		 /* when that was, in seconds; 0: never */
	double	 said_at;	 /* when the log last said what it left out */
	uint64_t suppressed; /* lines, since the start */
	uint64_t said;		 /* of those, how many the log told of */
} budget;

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

bool
log_level_parse(const char *name, enum log_level *level)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
	{
		if (strcmp(name, level_names[i]) == 0)
		{
			*level = (enum log_level) i;
			return true;
		}
	}
	return false;
}

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

bool
log_allow(enum log_level level)
{
	double now;

	if (!log_enabled(level))
		return false;
	now = seconds_now();
	budget.lines += (now - budget.at) * CLIENT_LINES_PER_SECOND;
	if (budget.at == 0 || budget.lines > CLIENT_LINES_BURST)
		budget.lines = CLIENT_LINES_BURST;
	budget.at = now;
	if (budget.lines < 1)
	{
		budget.suppressed++;
		return false;
	}
	budget.lines--;
	return true;
}

uint64_t
log_suppressed(void)
{
	return budget.suppressed;
}

void
log_tick(void)
{
	const double now = seconds_now();

	if (budget.said == budget.suppressed || now - budget.said_at < SUMMARY_SECONDS)
		return;
	log_warning("log", "event=suppressed lines=%llu so_far=%llu",
				(unsigned long long) (budget.suppressed - budget.said),
				(unsigned long long) budget.suppressed);
	budget.said = budget.suppressed;
	budget.said_at = now;
}

bool
log_enabled(enum log_level level)
{
	return level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

/*
 * Quote for the log.  Bytes above 0x7f pass as they are, so that names stay
 * readable; quotes, backslashes and control characters become \xNN.  A long
 * text is cut and ends in "...".
 */
struct log_quoted
log_quote(struct slice bytes)
{
	struct log_quoted quoted;
	size_t			  used = 0;
	const size_t	  room = sizeof(quoted.text) - sizeof("\\xff...\"");

	quoted.text[used++] = '"';
	for (size_t i = 0; i < bytes.length; i++)
	{
		unsigned char c = (unsigned char) bytes.data[i];

		if (used >= room)
		{
			memcpy(quoted.text + used, "...", 3);
			used += 3;
			break;
		}
		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			used += (size_t) snprintf(quoted.text + used, 5, "\\x%02x", c);
		else
			quoted.text[used++] = (char) c;
	}
	quoted.text[used++] = '"';
	quoted.text[used] = '\0';
	return quoted;
}

static size_t
write_timestamp(char *line, size_t size)
{
	struct timespec now;
	struct tm		utc;
	size_t			used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	used += (size_t) snprintf(line + used, size - used, ".%03ldZ ",
							  now.tv_nsec / 1000000);
	return used;
}

/*
 * One write(2) a line: lines of several threads or processes do not mix.
 * A log that cannot be written is not worth ending for, so errors are ignored.
 */
void
log_write(enum log_level level, const char *component, const char *format, ...)
{
	char	line[LINE_MAX_BYTES];
	size_t	used;
	int		written;
	va_list arguments;

	if (!log_enabled(level))
		return;
	used = write_timestamp(line, sizeof(line));
	used += (size_t) snprintf(line + used, sizeof(line) - used, "%s %s ",
							  level_names[level], component);
	va_start(arguments, format);
	written = vsnprintf(line + used, sizeof(line) - used, format, arguments);
	va_end(arguments);
	if (written > 0)
		used += (size_t) written;
	if (used > sizeof(line) - 1)
		used = sizeof(line) - 1;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}
