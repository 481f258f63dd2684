"""What Streamtime measures itself by: one command each, beside a named peer where there is one."""
