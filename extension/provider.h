/*-------------------------------------------------------------------------
 *
 * provider.h
 *	  The ways of carrying a call, and which one is best for a session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_PROVIDER_H
#define HARTHIO_PROVIDER_H

#include "nodes/pg_list.h"

/* A row of harthio.provider. */
typedef struct Provider
{
	char *name;
	int	  base_score;
	char *room_template;
	int	  priority;
	bool  enabled;
	int	  max_sessions; /* 0: no limit */
	int	  failures;		/* in the session that is being chosen for */
} Provider;

typedef struct Choice
{
	char *provider;
	char *room; /* its room template, filled in */
	int	  base_score;
} Choice;

/* A session as far as choosing for it goes. */
typedef struct ProviderNeed
{
	const char *session_id;
	const char *scope;
	const char *current; /* where it is; NULL: it is being opened */
	bool		failed;	 /* that has failed */
} ProviderNeed;

/* A participant's report that counts. */
typedef struct ProviderReport
{
	const char *provider;
	const char *scope;
	const char *session_id;
	const char *participant_id;
	int			members; /* of the session */
	bool		success;
	bool		verdict; /* it decides its epoch's verdict */
} ProviderReport;

/* All rows, of which there are a few, in the operator's order. */
extern List		*provider_read_all(void);
extern Provider *provider_find(List *providers, const char *name);

/* Raises 42704. */
extern void provider_not_found(const char *name) pg_attribute_noreturn();

/*
 * The best enabled provider; where the session is now only if nothing better
 * is left.  False if none is enabled and has room.  Needs SPI.
 */
extern bool provider_choose(const ProviderNeed *need, Choice *choice);

/*
 * The same, but only one that has not failed in this session and whose score
 * is higher than that.
 */
extern bool provider_choose_better(const ProviderNeed *need, double than, Choice *choice);

/* The score of a provider in a scope; 0 if it is not a row any more. */
extern double provider_score(const char *provider, const char *scope);

/* Raise 55000 or 53400: there is nothing to choose from. */
extern void provider_none_usable(void) pg_attribute_noreturn();

/* Note what the transaction learnt.  Needs SPI. */
extern void provider_learn(const ProviderReport *report);

#endif /* HARTHIO_PROVIDER_H */
