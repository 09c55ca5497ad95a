/*
 * metrics.h
 *		What is counted, for Prometheus: the one list of it.
 *
 * Counters are added to where things happen; gauges are set just before they
 * are shown, or some times a second.  Each loop has its own, to which it alone
 * writes and which others may read at any time, so nothing is locked.
 */
#ifndef HARTHIO_METRICS_H
#define HARTHIO_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "buffer.h"
#include "limiter.h"

/* X(name, kind, published name without its prefix, help) */
#define METRICS(X)                                                                                 \
	X(CONNECTIONS, GAUGE, "connections", "Websockets that are open")                               \
	X(CONNECTIONS_OPENED, COUNTER, "connections_opened_total", "Websockets that were opened")      \
	X(CONNECTIONS_REFUSED, COUNTER, "connections_refused_total",                                   \
	  "Upgrades that were refused: path, version, limit, or the end is near")                      \
	X(CHANNELS, GAUGE, "channels", "Channels of all connections, those being joined included")     \
	X(ROOMS, GAUGE, "rooms", "Topics with at least one member")                                    \
	X(SESSIONS, GAUGE, "sessions", "Sessions that somebody here listens to, by each loop")         \
	X(JOINS, COUNTER, "joins_total", "Joins that were let in")                                     \
	X(FRAMES_IN, COUNTER, "received_messages_total", "Messages from clients")                      \
	X(BYTES_IN, COUNTER, "received_bytes_total", "Payload bytes of those")                         \
	X(FRAMES_OUT, COUNTER, "sent_messages_total", "Messages written to clients")                   \
	X(BYTES_OUT, COUNTER, "sent_bytes_total", "Bytes of those, websocket headers included")        \
	X(MALFORMED, COUNTER, "malformed_messages_total", "Messages that made no sense")               \
	X(BROADCASTS, COUNTER, "broadcasts_total", "Broadcasts from clients, each counted once")       \
	X(QUEUE_MESSAGES, GAUGE, "queue_messages", "Messages that wait to be sent")                    \
	X(QUEUE_BYTES, GAUGE, "queue_bytes", "Bytes of those")                                         \
	X(QUEUE_LONGEST, GAUGE, "queue_longest_messages", "Messages that wait for the slowest client") \
	X(SLOW_READERS, COUNTER, "slow_readers_closed_total",                                          \
	  "Connections closed because too much waited for them")                                       \
	X(RESTS, COUNTER, "rests_total",                                                               \
	  "Times that a connection was not read for a while, as it asked for too much too often")      \
	X(STATES, COUNTER, "states_total", "Session states that replaced an older one and were sent")  \
	X(NOTIFICATIONS, COUNTER, "notifications_total", "Notifications from the database")            \
	X(RESYNCS, COUNTER, "resyncs_total", "Times that the states of all sessions were read")        \
	X(DATABASE_CONNECTS, COUNTER, "database_connects_total",                                       \
	  "Times that a database connection became ready; in a quiet start as many as there are")      \
	X(DATABASE_FAILURES, COUNTER, "database_failures_total",                                       \
	  "Database connections that were lost or not made")                                           \
	X(RPC_CALLS, COUNTER, "rpc_calls_total", "Calls of functions by HTTP that were let in")        \
	X(RPC_REFUSED, COUNTER, "rpc_refused_total",                                                   \
	  "Calls that the database did not answer: too many, too late, or it is away")                 \
	X(RPC_WAITING, GAUGE, "rpc_waiting", "Calls that wait for a connection")                       \
	X(LETTERS, COUNTER, "letters_total", "What loops told other loops")                            \
	X(PUBLISHER_LAG, GAUGE, "publisher_lag_seconds",                                               \
	  "Age of the oldest change that the database told nobody of; NaN while it cannot be asked")   \
	X(READY, GAUGE, "ready", "1 if /readyz says so")                                               \
	X(RELOADS, COUNTER, "reloads_total", "SIGHUPs that were obeyed")                               \
	X(RELOADS_FAILED, COUNTER, "reloads_failed_total", "SIGHUPs after which the old was kept")     \
	X(CERTIFICATE_EXPIRY, GAUGE, "tls_certificate_expiry_seconds",                                 \
	  "When the certificate ends, seconds since 1970; 0 without TLS")                              \
	X(LOG_SUPPRESSED, COUNTER, "log_lines_suppressed_total",                                       \
	  "Log lines that clients caused and that were too many to be written")

enum metric
{
#define METRIC_NAME(name, kind, published, help) METRIC_##name,
	METRICS(METRIC_NAME)
#undef METRIC_NAME
	METRIC_COUNT
};

/*
 * Why a join can be refused: the word before the colon of the reason.
 * X(code, what to do)
 */
#define REFUSALS(X)                                                                           \
	X("MalformedJWT", "no token, or no JWT: sign in, look at the API key")                    \
	X("JwtSignatureError", "signed with another key: compare jwt-secret or jwks")             \
	X("JwtSignerError", "algorithm or kid that no key here fits: compare jwt-secret or jwks") \
	X("InvalidJWTToken", "expired, not valid yet, or a claim is missing or not as wanted")    \
	X("Unauthorized", "the token is good, but the database says no to this topic")            \
	X("PrivateOnly", "only sessions and private channels here: public-channels")              \
	X("TopicNameRequired", "the topic is empty")                                              \
	X("TopicNameInvalid", "the topic is too long, or its session id has other characters")    \
	X("PresenceKeyInvalid", "give another presence key")                                      \
	X("PayloadTooLarge", "a join has at most 65536 bytes")                                    \
	X("UnableToReplayMessages", "ask for private channels, since in ms, limit 1 to 25")       \
	X("ChannelRateLimitReached", "leave channels first: max-channels")                        \
	X("ConnectionRateLimitReached", "too many connections: max-connections-per-subject")      \
	X("ClientJoinRateLimitReached", "join less often: max-joins, max-total-joins")            \
	X("UnableToConnectToProject", "the database does not answer; clients try again")          \
	X("other", "any other reason, such as `unmatched topic`: topics begin with `realtime:`")

#define REFUSAL_MAX 32

struct metrics
{
	_Atomic double	 values[METRIC_COUNT]; /* by metric */
	_Atomic uint64_t refused[REFUSAL_MAX]; /* joins, by place in REFUSALS */
	_Atomic uint64_t limited[LIMIT_COUNT]; /* whatever a limit refused, by limit */
	_Atomic uint64_t closed[REFUSAL_MAX];  /* connections, by place in the list of codes */
};

static inline double
metrics_get(const struct metrics *metrics, enum metric metric)
{
	return atomic_load_explicit(&metrics->values[metric], memory_order_relaxed);
}

static inline void
metrics_set(struct metrics *metrics, enum metric metric, double value)
{
	atomic_store_explicit(&metrics->values[metric], value, memory_order_relaxed);
}

static inline void
metrics_add(struct metrics *metrics, enum metric metric, uint64_t more)
{
	metrics_set(metrics, metric, metrics_get(metrics, metric) + (double) more);
}

/* A join was refused for this reason, "Code: text". */
void metrics_count_refusal(struct metrics *metrics, const char *reason);

/* A connection ended with this close code; 0: with none. */
void metrics_count_close(struct metrics *metrics, unsigned code);

/* What limits refused so far. */
void metrics_set_limited(struct metrics *metrics, const uint64_t refused[LIMIT_COUNT]);

/* Append all of it in Prometheus' text format: of all loops together. */
void metrics_print(const struct metrics *const loops[], unsigned count, struct buffer *text);

/* The tables of docs/reference.md: metrics and refusals. */
void metrics_print_docs(void);

#endif
