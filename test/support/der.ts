// DER, as doctor reads and writes it.

export * from '../../lib/cli/doctor/der';
