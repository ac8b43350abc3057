"""The life of a model in one program: a whole platform on this machine, out of an environment's recorded graph.

Run as `python -m loop`, in an environment of its own (`requirements/loop.txt`). What runs is the platform's: the jobs
of `mlplatform.runtime`, MLflow's server, the steps of the WorkflowTemplates with their own commands, on resources made
of the graph's inputs. What stands in for AWS, Kubernetes and its controllers, Prometheus and the gateway is in this
package, speaks their wire formats, and knows no name of a resource, a step or a command.
"""
