//! Accounts, virtual sub-accounts, positions, profit and loss.
