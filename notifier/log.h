/*
 * log.h
 *		One line an event, on stderr:
 *		2026-11-23T08:00:00.123Z info connection id=7 event=closed reason="..."
 *
 * Whatever a client or the database chose goes through log_text(), so that it
 * can neither end the line nor forge another.  Tokens and payloads are never
 * given to the log.
 */
#ifndef HARTHIO_LOG_H
#define HARTHIO_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum log_level
{
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* A quoted text, returned by value: it lives as long as the log call. */
struct log_quoted
{
	char text[400]; /* with its quotes and a NUL */
};

bool log_level_parse(const char *name, enum log_level *level);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

struct log_quoted log_quote(struct slice bytes);

/* The argument for a %s, good until the end of the full expression. */
#define log_slice(bytes) (log_quote(bytes).text)
#define log_text(string) (log_quote(slice_text(string)).text)

void log_write(enum log_level level, const char *component,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A line that a client can cause as often as it likes: only so many are written,
 * or it could fill the disk.  What is left out is counted, and the log says how
 * much it was, in log_tick(), which is called some times a second.
 */
#define log_client(level, ...)             \
	do                                     \
	{                                      \
		if (log_allow(level))              \
			log_write(level, __VA_ARGS__); \
	} while (0)

bool	 log_allow(enum log_level level);
uint64_t log_suppressed(void);
void	 log_tick(void);

/* Nothing is quoted for a line that is not written. */
#define log_if(level, ...)                 \
	do                                     \
	{                                      \
		if (log_enabled(level))            \
			log_write(level, __VA_ARGS__); \
	} while (0)

#define log_error(...)	 log_if(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_if(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_if(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_if(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
