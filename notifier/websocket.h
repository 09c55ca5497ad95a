/*
 * websocket.h
 *		Upgrades, and what comes in by a websocket.
 */
#ifndef HARTHIO_WEBSOCKET_H
#define HARTHIO_WEBSOCKET_H

#include <libwebsockets.h>
#include <stddef.h>

struct connection;

/* The only one that there is (RFC 6455); libwebsockets knows the drafts as well. */
#define WEBSOCKET_VERSION "13"

/* What tells that it should be another one. */
#define HTTP_STATUS_UPGRADE_REQUIRED 426

/* What is read of a websocket at a time; each connection has memory for it. */
#define WEBSOCKET_READ_BYTES 512

/* May this request become a websocket?  Zero: yes; else what the callback returns. */
int websocket_confirm(struct lws *wsi, const char *to);

/*
 * An event of a socket that is one, whose connection (NULL before the first, and
 * after the last) is kept there.  -1 closes it.
 */
int websocket_event(struct lws *wsi, enum lws_callback_reasons reason,
					struct connection **connection, void *in, size_t length);

/* A socket is gone; if it was about to become one, so is its place. */
void websocket_destroyed(struct lws *wsi);

#endif
