/*-------------------------------------------------------------------------
 *
 * provider.h
 *	  The ways of carrying a call, and which one is best for a session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_PROVIDER_H
#define HARTHIO_PROVIDER_H

typedef struct Choice
{
	char *provider;
	char *room; /* its room template, filled in */
} Choice;

/*
 * The best enabled provider for a session that is on `current` now (NULL: on
 * none).  Only when no other is left is that the current one again.  False if
 * none is enabled.  Needs SPI.
 */
extern bool provider_choose(const char *session_id, const char *current, Choice *choice);

/* Raise 55000: there is nothing to choose from. */
extern void provider_none_enabled(void) pg_attribute_noreturn();

/* Note that the transaction reached a verdict on a provider.  Needs SPI. */
extern void provider_verdict(const char *provider, bool success);

#endif /* HARTHIO_PROVIDER_H */
