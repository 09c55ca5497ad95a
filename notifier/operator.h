/*
 * operator.h
 *		What the operator's page asks for, on the internal port.
 *
 *	GET /operator/state		everything that it shows, as harthio.operator_state() has it
 *	POST /operator/drain	{"provider"}: no new sessions on it
 *	POST /operator/enable	{"provider"}: sessions may come back
 *	POST /operator/evacuate	{"provider"}: move everybody off it; how many those are
 *
 * Only tokens whose role is the one that --operator-role names may ask, and the
 * database does it as that role.  It has connections of its own for that, so that
 * nobody waits for an operator, nor an operator for calls.
 */
#ifndef HARTHIO_OPERATOR_H
#define HARTHIO_OPERATOR_H

#include "http.h"
#include "options.h"

struct link_setup;
struct operations;

struct operations *operator_new(const struct link_setup *setup, const struct options *options);

/* Ask no more; "operator_free" when the loop has closed its handles. */
void operator_stop(struct operations *operations);
void operator_free(struct operations *operations);
void operator_tick(struct operations *operations);

/* Is this path ours to answer, by operator_handler? */
bool operator_wants(const char *path);

extern const struct http_handler operator_handler;

#endif
