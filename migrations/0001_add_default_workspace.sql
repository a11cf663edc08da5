-- The workspace that a newcomer's first run goes to; it exists from the start.
INSERT INTO workspaces (workspace_id, name, created_at)
VALUES ('default', 'default', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT (workspace_id) DO NOTHING;
