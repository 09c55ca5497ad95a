/*-------------------------------------------------------------------------
 *
 * publisher.h
 *	  The background worker that tells the world what changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_PUBLISHER_H
#define HARTHIO_PUBLISHER_H

#include "harthio.h"

extern void				publisher_register(void);
extern PGDLLEXPORT void harthio_publisher_main(Datum arg);

#endif /* HARTHIO_PUBLISHER_H */
