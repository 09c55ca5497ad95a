// What the call page's script tag and console share with it.
declare var supabase: { createClient(url: string, key: string, options?: object): any }
declare var session: import('../../client/session.js').Session
