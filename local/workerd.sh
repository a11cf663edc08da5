#!/bin/sh
# Miniflare starts this instead of workerd (local/serve.ts says so). When Node is killed with -9, workerd
# would live on, hold the port and write the same objects as the next server: two sequencers for one run.
# So it notes its process id for local/lock.ts and, where the kernel can, asks to be killed with its parent.
echo "$$" >"$RUNCAST_WORKERD_PID_FILE"
if [ "$RUNCAST_PDEATHSIG" = yes ]; then
  exec setpriv --pdeathsig KILL -- "$RUNCAST_WORKERD" "$@"
fi
exec "$RUNCAST_WORKERD" "$@"
