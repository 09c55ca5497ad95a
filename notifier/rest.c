/*
 * rest.c
 *		Broadcasts by HTTP: POST /api/broadcast and what is beside it.
 *
 * A request asks the database once for each session that it names, and sends
 * when all answers are there: then in the order in which it was given.
 */
#include "rest.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth.h"
#include "clock.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "rest_message.h"
#include "session_state.h"
#include "topic.h"

#define BATCH_PATH	"/api/broadcast"
#define SINGLE_PATH BATCH_PATH "/"
#define PING_PATH	"/api/ping"

#define UNAUTHORIZED "Unauthorized"
#define NO_DATABASE	 "Realtime was unable to connect to the project database"
#define TOO_LARGE	 "The body is too large"

/* A question about one session, or about one private topic. */
struct rest_check
{
	struct rest_check		*next;	   /* in the job */
	struct rest_job			*job;	   /* whose */
	char					*subject;  /* the session's id, or the topic */
	bool					 policies; /* it is a topic */
	struct database_request *request;  /* NULL: it is answered */
	bool					 allowed;  /* and how */
};

struct rest_job
{
	struct http_request *request;	  /* what is to be answered */
	struct rest_messages messages;	  /* what is to be sent */
	struct rest_check	*checks;	  /* all that were or are to be asked */
	size_t				 waiting;	  /* checks without an answer */
	uint64_t			 check_count; /* all of them */
	bool				 is_single;	  /* a refusal is told */
	bool				 cannot_ask;  /* the database is away */
	struct claims		 claims;	  /* who asks */
};

/* The path without the prefix that Supabase's gateway would take away. */
static struct slice
local_path(const char *path)
{
	struct slice whole = slice_text(path);
	struct slice rest;

	return slice_after(whole, SLICE("/realtime/v1"), &rest) ? rest : whole;
}

bool
rest_wants(const char *path)
{
	struct slice rest;

	return slice_after(local_path(path), SLICE("/api/"), &rest);
}

static void
job_free(void *work)
{
	struct rest_job *job = work;

	while (job->checks != NULL)
	{
		struct rest_check *check = job->checks;

		job->checks = check->next;
		if (check->request != NULL)
			database_cancel(check->request);
		free(check->subject);
		free(check);
	}
	rest_messages_free(&job->messages);
	claims_free(&job->claims);
	free(job);
}

static void
send_all(const struct rest_job *job)
{
	for (size_t i = 0; i < job->messages.count; i++)
	{
		const struct rest_message *message = &job->messages.items[i];

		if (message->dropped || (message->check != NULL && !message->check->allowed))
			continue;
		metrics_add(&job->request->loop->metrics, METRIC_BROADCASTS, 1);
		hub_publish_to(&job->request->loop->hub, buffer_slice(&message->topic),
					   message->check != NULL && message->check->policies,
					   &message->broadcast);
	}
}

/* Of a batch, what may not be sent is left out, as Supabase does it. */
static bool
is_forbidden(const struct rest_job *job)
{
	const struct rest_message *only = &job->messages.items[0];

	return job->is_single &&
		   (only->dropped || (only->check != NULL && !only->check->allowed));
}

/* All is known: send, and answer. */
static void
finish(struct rest_job *job)
{
	if (job->cannot_ask)
		http_answer_message(job->request, 422, NO_DATABASE);
	else if (is_forbidden(job))
		http_answer_message(job->request, 403, UNAUTHORIZED);
	else
	{
		send_all(job);
		http_answer(job->request, 202, SLICE(""));
	}
}

static void
on_answer(void *owner, const struct database_answer *answer)
{
	struct rest_check *check = owner;
	struct rest_job	  *job = check->job;

	check->request = NULL;
	check->allowed = answer->verdict == DATABASE_ALLOWED &&
					 (!check->policies || answer->rights.broadcasts);
	if (answer->verdict == DATABASE_UNAVAILABLE)
		job->cannot_ask = true;
	if (--job->waiting == 0)
		finish(job);
}

/* The check of this session or topic; a new one if it was not named before. */
static struct rest_check *
check_of(struct rest_job *job, struct slice subject, bool policies)
{
	struct rest_check *check = job->checks;

	while (check != NULL && (check->policies != policies ||
							 !slice_equal(slice_text(check->subject), subject)))
		check = check->next;
	if (check != NULL)
		return check;
	check = memory_new(sizeof(*check));
	check->job = job;
	check->subject = memory_copy(subject.data, subject.length);
	check->policies = policies;
	check->next = job->checks;
	job->checks = check;
	job->check_count++;
	return check;
}

/* On what does each message depend?  See admission_ask(). */
static void
make_checks(struct rest_job *job)
{
	for (size_t i = 0; i < job->messages.count; i++)
	{
		struct rest_message *message = &job->messages.items[i];
		struct slice		 topic = buffer_slice(&message->topic);
		struct slice		 subject;

		if (topic_session_id(topic, &subject))
		{
			message->check = check_of(job, subject, false);
			message->dropped = session_state_is_event(message->broadcast.event);
		}
		else if (!message->private)
			message->dropped = !job->request->loop->public_channels;
		else if (memchr(topic.data, '\0', topic.length) != NULL)
			message->dropped = true;
		else if (slice_after(topic, SLICE(TOPIC_PREFIX), &subject))
			message->check = check_of(job, subject, true);
	}
}

static void
ask_one(struct rest_job *job, struct rest_check *check)
{
	const struct loop			*loop = job->request->loop;
	const struct database_replay none = {0};

	check->request =
		check->policies
			? database_ask_policies(loop->policies, check->subject, job->claims.json, none,
									on_answer, check)
			: database_authorize(loop->database, check->subject, job->claims.json,
								 on_answer, check);
}

static void
ask(struct rest_job *job)
{
	job->waiting = job->check_count;
	for (struct rest_check *check = job->checks; check != NULL; check = check->next)
		ask_one(job, check);
	if (job->waiting == 0)
		finish(job);
}

/* The messages of the request; false if it was answered with what is wrong. */
static bool
read_messages(struct rest_job *job)
{
	struct http_request *request = job->request;
	const struct limits *limits = &request->loop->limiter.limits;
	struct buffer		 problem = {0};
	struct slice		 names;
	unsigned			 status;

	job->is_single = slice_after(local_path(request->path), SLICE(SINGLE_PATH), &names);
	if (job->is_single)
		status = rest_messages_read_single(request, names, limits->payload_bytes,
										   &job->messages, &problem);
	else
		status = rest_messages_read_batch(request, limits->payload_bytes,
										  limits->messages, &job->messages, &problem);
	if (status != 0)
		http_answer(request, status, buffer_slice(&problem));
	buffer_free(&problem);
	return status == 0;
}

static void
add_number(struct http_request *request, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long) number);
	http_add_header(request, name, text);
}

/* What is left of the budget, as Supabase tells it; nothing is told of no limit. */
static void
add_budget(struct http_request *request)
{
	struct loop *loop = request->loop;
	uint64_t	 used;
	uint64_t	 limit;

	if (!limiter_budget(&loop->limiter, RATE_MESSAGES, uv_now(&loop->uv), &used, &limit))
		return;
	add_number(request, "x-rate-limit:", limit);
	add_number(request, "x-rate-rolling:", used);
	add_number(request, "x-rate-limit-remaining:", used < limit ? limit - used : 0);
}

/* Too much at once?  Then that was answered. */
static bool
is_too_much(const struct rest_job *job)
{
	struct loop *loop = job->request->loop;
	const char	*wrong = NULL;

	if (job->check_count > loop->limiter.limits.channels)
		wrong = "Too many messages to broadcast, please reduce the batch size";
	else if (!limiter_take(&loop->limiter, NULL, RATE_MESSAGES, job->messages.count,
						   uv_now(&loop->uv)))
		wrong = "You have exceeded your rate limit";
	add_budget(job->request);
	if (wrong == NULL)
		return false;
	loop->limiter.refused[LIMIT_MESSAGES]++;
	http_answer_message(job->request, 429, wrong);
	return true;
}

static void
broadcast(struct http_request *request)
{
	struct rest_job	   *job = memory_new(sizeof(*job));
	struct auth_refusal refusal;

	job->request = request;
	request->work = job;
	request->abandon = job_free;
	if (!auth_verify(request->loop->auth, slice_text(request->token), clock_now(),
					 &job->claims, &refusal))
	{
		job->claims = (struct claims){0};
		http_answer_message(request, 401, UNAUTHORIZED);
		return;
	}
	if (request->persist)
	{
		http_answer_message(request, 422, "Messages are not stored by this server");
		return;
	}
	if (!read_messages(job))
		return;
	make_checks(job);
	if (!is_too_much(job))
		ask(job);
}

bool
rest_refuse_early(struct http_request *request)
{
	struct limiter *limiter = &request->loop->limiter;

	if (request->length <= limiter->limits.message_bytes)
		return false;
	limiter->refused[LIMIT_MESSAGE_BYTES]++;
	http_answer_message(request, 413, TOO_LARGE);
	return true;
}

void
rest_handle(struct http_request *request)
{
	struct slice path = local_path(request->path);
	struct slice rest;

	if (request->method == HTTP_OPTIONS)
		http_answer(request, 204, SLICE(""));
	else if (request->method == HTTP_GET && slice_equal(path, SLICE(PING_PATH)))
		http_answer_message(request, 200, "Success");
	else if (request->method == HTTP_POST &&
			 (slice_equal(path, SLICE(BATCH_PATH)) ||
			  slice_after(path, SLICE(SINGLE_PATH), &rest)))
		broadcast(request);
	else
		http_answer_message(request, 404, "Not Found");
}
