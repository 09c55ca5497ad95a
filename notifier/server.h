/*
 * server.h
 *		libwebsockets: sockets, and the HTTP that comes in by them.
 *
 * The library is only in what handles HTTP, in websocket.c and in the sending half
 * of connection.c, so that another one could take its place.
 */
#ifndef HARTHIO_SERVER_H
#define HARTHIO_SERVER_H

#include <stdbool.h>

#include "slice.h"
#include "tls.h"

/* The headers of a request, whose URL may have a token of 5 KB and more. */
#define SERVER_HEADER_MAX_BYTES 16384

struct connection;
struct loop;
struct lws;
struct server;

/* NULL if libwebsockets cannot start. */
struct server *server_new(struct loop *loop);

/* Serve a socket that was accepted; it belongs to the server from now on. */
void server_adopt(struct server *server, int socket);
void server_adopt_internal(struct server *server, int socket);

/* Take what the socket has, if it has anything. */
void server_read(struct server *server, struct connection *connection);

/* A new certificate, from the next handshake on; false: the old one stays. */
bool server_use_tls(struct server *server, const struct tls *tls);

/* Whose socket it is. */
struct loop *server_loop(struct lws *wsi);

/*
 * Send an answer and be done.  Returns what the callback must return: what might
 * be left of a request that has a body would be taken for the next one, so only
 * those that have none may go on.
 */
int server_answer(struct lws *wsi, unsigned status, const char *type, struct slice body);

/* End all connections; "server_free" when the loop has closed its handles. */
void server_stop(struct server *server);
void server_free(struct server *server);

#endif
