/*
 * join.h
 *		phx_join: what is asked for, by whom, and whether it makes sense.
 */
#ifndef HARTHIO_JOIN_H
#define HARTHIO_JOIN_H

#include "connection.h"
#include "phoenix.h"

void join_receive(struct connection			   *connection,
				  const struct phoenix_message *message);

/* The token in a payload, or what stands in for one; "sb_" keys are no tokens. */
struct slice join_pick_token(const struct connection *connection,
							 struct slice			  given);

#endif
