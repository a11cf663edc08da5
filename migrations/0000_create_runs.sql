CREATE TABLE `deleted_runs` (
	`run_id` text PRIMARY KEY NOT NULL,
	`deleted_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`principal_id` text NOT NULL,
	`key` text NOT NULL,
	`fingerprint` text NOT NULL,
	`run_id` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	PRIMARY KEY(`principal_id`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_by_age` ON `idempotency_keys` (`created_at_ms`);--> statement-breakpoint
CREATE INDEX `idempotency_keys_by_run` ON `idempotency_keys` (`run_id`);--> statement-breakpoint
CREATE TABLE `runs` (
	`run_id` text PRIMARY KEY NOT NULL,
	`workspace_id` text NOT NULL,
	`workflow_id` text,
	`workflow_version` text,
	`name` text,
	`search_name` text NOT NULL,
	`status` text NOT NULL,
	`parameters` text NOT NULL,
	`labels` text NOT NULL,
	`pinned` integer NOT NULL,
	`created_at` text NOT NULL,
	`started_at` text,
	`completed_at` text,
	`duration_ms` integer,
	`progress` text,
	`exit_code` integer,
	`failure` text,
	`last_sequence` integer NOT NULL,
	`event_bytes` integer NOT NULL,
	`events_path` text,
	`output_paths` text NOT NULL,
	`logging_degraded` integer NOT NULL,
	`incomplete` integer NOT NULL,
	`stale` integer NOT NULL,
	`table_count` integer,
	`row_count` integer,
	`input_file_count` integer,
	`max_validation_severity` text,
	`summary` text,
	`revision` integer NOT NULL,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`workspace_id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "runs_status" CHECK("runs"."status" IN ('queued', 'building', 'running', 'succeeded', 'failed', 'cancelled'))
);
--> statement-breakpoint
CREATE INDEX `runs_by_time` ON `runs` (`workspace_id`,`created_at`,`run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_status` ON `runs` (`workspace_id`,`status`,`created_at`,`run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_workflow` ON `runs` (`workspace_id`,`workflow_id`,`created_at`,`run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_severity` ON `runs` (`workspace_id`,`max_validation_severity`,`created_at`,`run_id`);--> statement-breakpoint
CREATE INDEX `runs_pinned` ON `runs` (`workspace_id`,`created_at`,`run_id`) WHERE "runs"."pinned" = 1;--> statement-breakpoint
CREATE TABLE `sessions` (
	`hash` text PRIMARY KEY NOT NULL,
	`token_id` text NOT NULL,
	`name` text,
	`expires_at_ms` integer NOT NULL,
	FOREIGN KEY (`token_id`) REFERENCES `tokens`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `sessions_by_token` ON `sessions` (`token_id`);--> statement-breakpoint
CREATE INDEX `sessions_by_expiry` ON `sessions` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `sign_in_attempts` (
	`address` text PRIMARY KEY NOT NULL,
	`spent` integer NOT NULL,
	`window_ends_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `sign_in_attempts_by_end` ON `sign_in_attempts` (`window_ends_at_ms`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`hash` text NOT NULL,
	CONSTRAINT "tokens_role" CHECK("tokens"."role" IN ('viewer', 'operator', 'administrator'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_hash` ON `tokens` (`hash`);--> statement-breakpoint
CREATE TABLE `workspaces` (
	`workspace_id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`created_at` text NOT NULL
);
