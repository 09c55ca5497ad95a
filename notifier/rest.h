/*
 * rest.h
 *		Broadcasts by HTTP: POST /api/broadcast and what is beside it.
 *
 *		POST /api/broadcast                              several, as JSON
 *		POST /api/broadcast/{topic}/events/{event}       one; the body is its payload
 *		GET  /api/ping                                   is anybody there?
 *
 * All also under /realtime/v1.  What is sent to a session's topic is sent only if
 * the database lets the token's owner take part in the session.
 */
#ifndef HARTHIO_REST_H
#define HARTHIO_REST_H

#include <stdbool.h>

#include "http.h"

/* Is this path ours to answer? */
bool rest_wants(const char *path);

/*
 * Can it be answered before the body is there?  Otherwise it is handled once it
 * is whole; both answer it, at once or later.
 */
bool rest_refuse_early(struct http_request *request);
void rest_handle(struct http_request *request);

#endif
