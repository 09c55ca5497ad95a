/*
 * server.h
 *		libwebsockets: HTTP requests, websocket upgrades and what follows.
 *
 * The library is only here and in the sending half of connection.c, so that
 * another one could take its place.
 */
#ifndef HARTHIO_SERVER_H
#define HARTHIO_SERVER_H

#include <stdbool.h>

struct loop;
struct server;

/* NULL if libwebsockets cannot start. */
struct server *server_new(struct loop *loop);

/* Serve a socket that was accepted; it belongs to the server from now on. */
void server_adopt(struct server *server, int socket);

/* End all connections; "server_free" when the loop has closed its handles. */
void server_stop(struct server *server);
void server_free(struct server *server);

#endif
