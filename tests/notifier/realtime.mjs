// Schema realtime, for the tests of private channels and database broadcasts.

import { after } from 'node:test'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import * as h from './harness.mjs'

// The notifier must be able to act as whoever asks.
export const grantRoles = () => h.sql('GRANT anon, authenticated, service_role TO harthio_notifier')

// The other files' tests know no schema realtime.
export const dropRealtimeAfterThisFile = () =>
  after(() => h.sql('DROP SCHEMA IF EXISTS realtime CASCADE; DROP TABLE IF EXISTS public.grants'))

// What compat/harthio_realtime.sql makes of it.
export async function loadRealtime() {
  await grantRoles()
  await h.sql('DROP SCHEMA IF EXISTS realtime CASCADE')
  await h.sql(await readFile(path.join(h.root, 'extension/compat/harthio_realtime.sql'), 'utf8'))
}

// What Supabase's own server leaves of it, as far as policies need it: nothing
// of ours, and a table with a partition for each day.
export async function loadSupabaseRealtime() {
  await grantRoles()
  await h.sql(`
    DROP SCHEMA IF EXISTS realtime CASCADE;
    CREATE SCHEMA realtime;
    CREATE TABLE realtime.messages (
      topic text NOT NULL,
      extension text NOT NULL,
      payload jsonb,
      event text,
      private boolean DEFAULT false,
      updated_at timestamp NOT NULL DEFAULT now(),
      inserted_at timestamp NOT NULL DEFAULT now(),
      id uuid NOT NULL DEFAULT gen_random_uuid(),
      PRIMARY KEY (id, inserted_at)
    ) PARTITION BY RANGE (inserted_at);
    CREATE TABLE realtime.messages_now PARTITION OF realtime.messages
      FOR VALUES FROM (now() - interval '1 day') TO (now() + interval '2 days');
    ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION realtime.topic() RETURNS text LANGUAGE sql STABLE AS
      $$ SELECT nullif(current_setting('realtime.topic', true), '')::text $$;
    GRANT USAGE ON SCHEMA realtime TO anon, authenticated, service_role, harthio_notifier;
    GRANT SELECT, INSERT, UPDATE ON realtime.messages TO anon, authenticated, service_role;
    GRANT INSERT ON realtime.messages TO harthio_notifier;
    CREATE POLICY harthio_notifier ON realtime.messages FOR INSERT TO harthio_notifier WITH CHECK (true)`)
}
