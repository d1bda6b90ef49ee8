"""The vm backend: a virtual machine of QEMU that is itself confined by the native backend.

Outside: `backend` (what a run asks), `host` (what is here), `image` (the guest that is kept), `needs` (the policy of
QEMU). Under the native backend: `driver` (starts QEMU, speaks to the guest). In the guest: `guest`. Nothing is loaded
here: driver and guest take what they need alone.
"""
