/*-------------------------------------------------------------------------
 *
 * scope.h
 *	  The kind of network that a session is in, as far as its first joiner
 *	  can tell: what works for one kind may fail for another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_SCOPE_H
#define HARTHIO_SCOPE_H

#include "postgres.h"

/*
 * From the info of a claim (a jsonb object): "" for all sessions, or "net", or
 * "net/region".  What is not understood is left out.
 */
extern char *scope_of_info(Datum info);

#endif /* HARTHIO_SCOPE_H */
