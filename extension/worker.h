/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  What the background workers have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_WORKER_H
#define HARTHIO_WORKER_H

#include "libpq/pqsignal.h"

/*
 * At library load: have one started with the server, and again a second after
 * it has died.  The function is one of this library.
 */
extern void worker_register(const char *name, const char *function);

/*
 * Connect to harthio.database; SIGTERM does what on_terminate says.
 */
extern void worker_connect(pqsigfunc on_terminate);

/* A setting for as long as the worker lives, whatever the database says. */
extern void worker_set(const char *name, const char *value);

/* A transaction with SPI and a snapshot; the activity is for pg_stat_activity. */
extern void worker_begin(const char *activity);
extern void worker_end(void);

/*
 * Is the extension there?  It may have been dropped, and is not while this
 * transaction lasts.
 */
extern bool worker_has_extension(void);

/* After worker_end(), or after the transaction was aborted. */
extern void worker_rest(void);

/*
 * Sleep until the latch is set, for at most timeout milliseconds if that is not
 * negative.  Returns whether the settings were read anew.
 */
extern bool worker_wait(long timeout);

#endif /* HARTHIO_WORKER_H */
