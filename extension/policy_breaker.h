/*-------------------------------------------------------------------------
 *
 * policy_breaker.h
 *	  An arm's breaker: closed, open for a while, half open for single probes.
 *
 *	closed	-> open		failures in a row, a score below the minimum, failed
 *						health checks, or a clearly better other arm
 *	open	-> half		when its time is up, which doubles with each opening
 *	half	-> closed	after some successful probes
 *	half	-> open		after a failed one
 *
 * Times out grow with the gap between sessions: what is long for a busy site
 * is not even one session for a quiet one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_POLICY_BREAKER_H
#define HARTHIO_POLICY_BREAKER_H

#include "policy.h"

/* Open becomes half open when its time is up. */
extern void breaker_ripen(const PolicySettings *settings, PolicyArm *arm, double now);

/* Another arm is better by the margin. */
extern void breaker_demote(const PolicySettings *settings, const PolicyScope *scope,
						   PolicyArm *arm, double now);

/* Whether this session may be the probe of a half open arm. */
extern bool breaker_is_free(const PolicyArm *arm, uint64_t session, double now);

/* It is the probe from now on. */
extern void breaker_lease(const PolicySettings *settings, PolicyArm *arm,
						  uint64_t session, double now);

/* is_weak: by its score alone the arm should be left. */
extern void breaker_verdict(const PolicySettings *settings, const PolicyScope *scope,
							PolicyArm *arm, const PolicyVerdict *verdict,
							bool is_weak, double now);

extern void breaker_check(const PolicySettings *settings, const PolicyScope *scope,
						  PolicyArm *arm, bool success, double now);

#endif /* HARTHIO_POLICY_BREAKER_H */
