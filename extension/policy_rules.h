/*-------------------------------------------------------------------------
 *
 * policy_rules.h
 *	  What policy.c asks of the two rules.
 *
 * pick returns the index of a fresh candidate (one that did not fail in this
 * session and is not where it already is), or -1 if none is usable.  It says
 * by *probe whether the arm is half open; the lease is then still free.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_POLICY_RULES_H
#define HARTHIO_POLICY_RULES_H

#include "policy.h"

extern double additive_score(const PolicyScope *scope, const PolicyArm *arm, double now);
extern void	  additive_verdict(const PolicySettings *settings, PolicyArm *arm,
							   const PolicyVerdict *verdict);
extern int	  additive_pick(const PolicySettings *settings, const PolicyScope *scope,
							const PolicyCandidate *candidates, int count,
							uint64_t session, double now, bool *probe);

extern double adaptive_score(const PolicySettings *settings, const PolicyScope *scope,
							 const PolicyArm *arm, double now);
extern int	  adaptive_pick(const PolicySettings *settings, const PolicyScope *scope,
							const PolicyCandidate *candidates, int count,
							uint64_t session, double now, bool *probe);

/* The share that is left of something after so many seconds. */
extern double policy_decay(double seconds, double half_life);

static inline bool
candidate_is_fresh(const PolicyCandidate *candidate)
{
	return candidate->failures == 0 && !candidate->is_current;
}

#endif /* HARTHIO_POLICY_RULES_H */
