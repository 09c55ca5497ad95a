/*
 * limit_options.h
 *		How much may be asked for: one list, from which the options come too.
 *
 * Zero means no limit, except where a lowest value is given.
 */
#ifndef HARTHIO_LIMIT_OPTIONS_H
#define HARTHIO_LIMIT_OPTIONS_H

#include <stdint.h>

/* X(field, option, default, lowest, highest, help) */
#define LIMITS(X)                                                                            \
	X(message_bytes, "max-message-bytes", 5000000, 1024, 1000000000,                         \
	  "largest websocket message or request body; a larger one ends its connection")         \
	X(payload_bytes, "max-payload-bytes", 3000500, 1, 1000000000,                            \
	  "largest payload of a broadcast; a larger one is refused")                             \
	X(queue_messages, "max-queue-messages", 4096, 16, 1000000,                               \
	  "messages that may wait for one client before it is closed as too slow")               \
	X(queue_bytes, "max-queue-bytes", 8388608, 65536, 1000000000,                            \
	  "bytes that may wait for one client before it is closed as too slow")                  \
	X(connections, "max-connections", 0, 0, 10000000,                                        \
	  "connections in all; 0: no limit")                                                     \
	X(address_connections, "max-connections-per-address", 0, 0, 10000000,                    \
	  "connections from one IPv4 address or IPv6 /64 network; 0: no limit (behind a proxy)") \
	X(subject_connections, "max-connections-per-subject", 100, 0, 10000000,                  \
	  "connections that have joined as one subject (sub) of a token; 0: no limit")           \
	X(channels, "max-channels", 100, 1, 100000,                                              \
	  "channels of one connection, and session topics in one request")                       \
	X(joins, "max-joins", 200, 0, 1000000,                                                   \
	  "joins per second of one connection; 0: no limit")                                     \
	X(messages, "max-messages", 1000, 0, 1000000,                                            \
	  "messages per second of one connection, and in one request; 0: no limit")              \
	X(presence_calls, "max-presence-calls", 50, 0, 1000000,                                  \
	  "presence calls (track, untrack) per second of one connection; 0: no limit")           \
	X(total_joins, "max-total-joins", 0, 0, 10000000,                                        \
	  "joins per second in all; 0: no limit")                                                \
	X(total_messages, "max-total-messages", 0, 0, 10000000,                                  \
	  "messages per second in all; 0: no limit")                                             \
	X(total_presence_calls, "max-total-presence-calls", 0, 0, 10000000,                      \
	  "presence calls per second in all; 0: no limit")                                       \
	X(presence_bytes, "max-presence-bytes", 4096, 2, 65536,                                  \
	  "largest payload of a track")                                                          \
	X(presences, "max-presences", 1000, 0, 1000000,                                          \
	  "who may be tracked in one topic")                                                     \
	X(ping_interval, "ping-interval", 30, 1, 3600,                                           \
	  "seconds of silence after which a client is pinged")                                   \
	X(ping_timeout, "ping-timeout", 35, 1, 3600,                                             \
	  "seconds in which it must answer, or the connection is dead")

struct limits
{
#define LIMIT_FIELD(field, option, standard, lowest, highest, help) uint64_t field;
	LIMITS(LIMIT_FIELD)
#undef LIMIT_FIELD
};

#endif
