# What is there after a restart, a crash, and the death of the publisher?
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'harthio'\nharthio.database = 'postgres'\nharthio.score_half_life = 0\nrestart_after_crash = on");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION harthio');

sub scores
{
	return $node->safe_psql('postgres',
		'SELECT provider, score, successes, failures FROM harthio_providers()');
}

sub publisher
{
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'harthio publisher'");
}

$node->safe_psql('postgres', q{
	SELECT harthio_claim_provider('s', 'alice');
	SELECT harthio_report_outcome('s', 1, true, participant_id => 'alice');
	SELECT harthio_report_outcome('s', 1, false, participant_id => 'alice');
});
my $learnt = "daily|70|1|1\np2p|60|0|0";
is(scores(), $learnt, 'scores moved');

# a clean stop writes down what the last second has not
$node->restart;
is(scores(), $learnt, 'a restart finds the scores');
is($node->safe_psql('postgres', "SELECT epoch, provider FROM harthio_claim_provider('s', 'bob')"),
	'2|p2p', 'and the session where it was');
$node->safe_psql('postgres', "SELECT harthio_report_outcome('s', 1, false, participant_id => 'alice')");
is(scores(), $learnt, 'what was reported before counts once');
is($node->safe_psql('postgres', "SELECT count(*) FROM harthio.outcome"), '2', 'and is kept once');

# a crash finds what was written down
$node->safe_psql('postgres', "SELECT harthio_report_outcome('s', 2, true, participant_id => 'bob')");
$learnt = "daily|70|1|1\np2p|65|1|0";
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM harthio.provider_score WHERE provider = 'p2p' AND score = 65)")
  or die 'scores were not written down';
# they are committed without waiting for the disk; this waits
$node->safe_psql('postgres', 'CHECKPOINT');
# what is measured is not written down before a participant leaves
my $report = q{FROM harthio_report_quality('s', 2, '{"loss": 16}', 'bob')};
is($node->safe_psql('postgres', "SELECT session_rung $report"), '360', 'a bad connection lowers the rung');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SELECT harthio_session('s') ->> 'rung'"), '720',
	'after a crash rungs begin at the top');
is($node->safe_psql('postgres', "SELECT session_rung $report"), '360', 'and are found again');
is(scores(), $learnt, 'a crash finds the scores that were written down');
is($node->safe_psql('postgres', "SELECT epoch, provider FROM harthio_claim_provider('s', 'bob')"),
	'2|p2p', 'and the session where it was');

# a provider that is left alone is so after a restart too
$node->safe_psql('postgres', qq{
	SELECT harthio_claim_provider('open-$_', 'person $_');
	SELECT harthio_report_outcome('open-$_', 1, false, participant_id => 'person $_');
}) for 1 .. 3;
my $breakers = 'SELECT provider, breaker, reason, open_until FROM harthio.provider_scores() ORDER BY provider';
my $open = $node->safe_psql('postgres', $breakers);
like($open, qr/daily\|open\|failures\|./, 'three failures open a breaker');
$node->restart;
is($node->safe_psql('postgres', $breakers), $open, 'a restart finds it open');
is($node->safe_psql('postgres', q{
		BEGIN READ ONLY;
		SELECT epoch, is_new FROM harthio_claim_provider('open-1', 'person 1');
		COMMIT}),
	'2|f', 'who is in a session writes nothing to come back');
$node->poll_query_until('postgres', q{
	SELECT provider, sessions FROM harthio.provider_scores() ORDER BY provider},
	$node->safe_psql('postgres', q{
		SELECT provider, count(*) FROM (SELECT DISTINCT ON (session_id) provider FROM harthio.assignment
		                                 ORDER BY session_id, epoch DESC) newest
		 GROUP BY provider ORDER BY provider}))
  or die 'the sessions were not counted';
pass('and the sessions of each provider are counted');
$learnt = scores();

# the publisher can be ended like any backend
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'harthio publisher')");
my $first = publisher();
$node->safe_psql('postgres', "SELECT pg_terminate_backend($first)");
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'harthio publisher' AND pid <> $first)")
  or die 'the publisher did not come back';
pass('the publisher comes back');

# kill -9 of it makes the server start over
my $second = publisher();
kill 'KILL', $second;
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'harthio publisher' AND pid <> $second)")
  or die 'the publisher did not come back';
is($node->safe_psql('postgres', "SELECT epoch, provider FROM harthio_claim_provider('s', 'bob')"),
	'2|p2p', 'after kill -9 of the publisher the session is where it was');
is(scores(), $learnt, 'and so are the scores');

# who is in a session comes back to it, even if a new one would have no room
$node->safe_psql('postgres', q{
	SELECT harthio_claim_provider('full', 'carol');
	UPDATE harthio.provider SET max_sessions = 1;
});
$node->restart;
is($node->safe_psql('postgres', q{SELECT epoch, is_new FROM harthio_claim_provider('full', 'carol')}),
	'1|f', 'a session is joined again after a restart');
like(($node->psql('postgres', q{SELECT harthio_claim_provider('one-more', 'carol')}))[2],
	qr/no provider has room/, 'when there is no room for another');

# what was learnt fades: the score drifts back to its base
$node->append_conf('postgresql.conf', "harthio.score_half_life = 1\nharthio.min_score = 0");
$node->restart;
$node->safe_psql('postgres', q{
	DROP EXTENSION harthio;
	CREATE EXTENSION harthio;
	SELECT harthio_claim_provider('half-life', 'bob');
	SELECT harthio_report_outcome('half-life', 1, false, participant_id => 'bob');
});
$node->poll_query_until('postgres',
	"SELECT failures = 1 AND score > 79.9 FROM harthio_providers() WHERE provider = 'daily'")
  or die 'the score did not drift back';
pass('a score drifts back to its base');

$node->stop;
done_testing();
